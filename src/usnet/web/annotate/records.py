"""A dataset's row as text in the database, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from usnet.datasets.records import ImageRecord, parse_record
from usnet.values import Box, Nodule


def record_text(record: ImageRecord) -> str:
    """JSON of a record."""
    return json.dumps(asdict(record), ensure_ascii=False)


def record_from(text: str) -> ImageRecord:
    """The record of :func:`record_text`."""
    row: dict[str, Any] = json.loads(text)
    nodules = tuple(Nodule(**(n | {"box": Box(**n["box"])})) for n in row.pop("nodules"))
    return parse_record({"id": row.pop("image_id")} | row, nodules, Path("annotation project"), 1)
