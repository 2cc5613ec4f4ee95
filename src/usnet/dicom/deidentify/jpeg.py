"""JPEG frames and files: markers that can hold text taken out, and pixels made black with nothing else changed more than needed.

A changed frame is coded again with its own quantisation tables and chroma subsampling, so that a second coding loses next to
nothing, and in its own colour components, so that no colour can turn (ITU-T T.81).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from usnet.errors import UnreadableImage

_KEPT = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}
"""Application segments that say what the components mean; all others, and comments, go."""
_APPLICATION = range(0xE0, 0xF0)
_COMMENT = 0xFE
_SCAN = 0xDA
_END = 0xD9
_JFIF_BYTES, _ADOBE_BYTES = 14, 12  # of their content: what follows is a thumbnail, or nobody's business


def bare(data: bytes) -> bytes:
    """The stream without comments, application data (EXIF, XMP, thumbnails) and anything after its end.

    Raises
    ------
    UnreadableImage
        The stream's segments do not follow on each other.
    """
    return b"\xff\xd8" + b"".join(segment for marker, segment in _segments(data) if _stays(marker))


def markers(data: bytes) -> bytes:
    """The segments that say what the components mean."""
    return b"".join(segment for marker, segment in _segments(data) if marker in _KEPT)


def blackened(data: bytes, hidden: npt.NDArray[np.bool_], photometric: str = "YBR_FULL_422") -> bytes | None:
    """The stream with pixels made black, ``None`` if they are black already.

    Parameters
    ----------
    hidden
        ``bool [H, W]``.
    photometric
        What DICOM says of components that no marker explains.
    """
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        components = image.layers  # type: ignore[attr-defined]
        if components not in (1, 3):
            raise UnreadableImage(f"a JPEG stream of {components} components", expected="1 or 3")
        rgb = components == 3 and _is_rgb(image.info, photometric)
        if components == 3 and image.info.get("adobe_transform") != 0:
            image.draft("YCbCr", image.size)
        tables, sampling = image.quantization, JpegImagePlugin.get_sampling(image)  # type: ignore[attr-defined]
        stored = np.array(image)
        mode = image.mode
    black = 0 if mode == "L" else (0, 0, 0) if rgb else (0, 128, 128)
    if (stored[hidden] == black).all():
        return None
    stored[hidden] = black
    return _coded(stored, mode, tables, sampling, data)


def _coded(stored: npt.NDArray[np.uint8], mode: str, tables: Any, sampling: int, data: bytes) -> bytes:
    target = io.BytesIO()
    options: dict[str, Any] = {"qtables": [tables[key] for key in sorted(tables)], "optimize": False}
    if mode != "L":
        options |= {"subsampling": max(sampling, 0), "keep_rgb": mode == "RGB"}
    Image.fromarray(stored, mode).save(target, "JPEG", **options)
    coded = target.getvalue()
    if mode == "RGB":  # its own Adobe marker and component names say so
        return bare(coded)
    plain = b"".join(s for m, s in _segments(coded) if m not in _APPLICATION and m != _COMMENT)
    return b"\xff\xd8" + markers(data) + plain


def _is_rgb(info: Mapping[Any, Any], photometric: str) -> bool:
    """Whether the three components are red, green and blue: by Adobe's marker, JFIF (which knows none), or DICOM."""
    if "adobe_transform" in info:
        return bool(info["adobe_transform"] == 0)
    return photometric == "RGB" and "jfif" not in info


def _stays(marker: int) -> bool:
    return marker in _KEPT or (marker not in _APPLICATION and marker != _COMMENT)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and their bytes, markers of :data:`_KEPT` only with known content; ends with the end of the image."""
    place = 2
    while place + 2 <= len(data):
        if data[place] != 0xFF:
            raise UnreadableImage("a damaged JPEG stream", expected="a marker", hint="Export the file again")
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
            continue
        if marker == _END:
            yield marker, b"\xff\xd9"
            return
        stop = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == _SCAN:
            stop = _end_of_scan(data, stop)
        if marker not in _KEPT:
            yield marker, data[place:stop]
        elif data.startswith(_KEPT[marker], place + 4):
            yield marker, _short(data[place:stop], marker)
        place = stop
    yield _END, b"\xff\xd9"


def _short(segment: bytes, marker: int) -> bytes:
    """A kept segment in its plain form, without thumbnail."""
    size = _JFIF_BYTES if marker == 0xE0 else _ADOBE_BYTES
    content = bytearray(segment[4 : 4 + size])
    if marker == 0xE0:
        content[-2:] = b"\0\0"
    return segment[:2] + (len(content) + 2).to_bytes(2, "big") + bytes(content)


def _end_of_scan(data: bytes, place: int) -> int:
    """Position of the marker after entropy-coded data (restart markers and stuffed zeros belong to it)."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return len(data)
        if data[place + 1] != 0 and not 0xD0 <= data[place + 1] <= 0xD7:
            return place
        place += 2
