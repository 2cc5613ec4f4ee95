"""What the routes of the API share: ids in paths, and the answers that all of them may give."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]
Number = Annotated[int, Path(ge=0, le=1_000_000)]
FILE = {
    "requestBody": {
        "required": True,
        "description": "A PNG, JPEG, BMP, TIFF or DICOM file, or a zip of them.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "What was sent makes no sense; `detail` says why."},
    401: {"description": "Nobody signed in."},
    403: {"description": "The account or token may not do this."},
    404: {"description": "There is no such thing, or it belongs to somebody else."},
}
BUSY: dict[int | str, dict[str, Any]] = {
    413: {"description": "The file is too large."},
    429: {"description": "The queue is full; `Retry-After` says when to try again."},
}
