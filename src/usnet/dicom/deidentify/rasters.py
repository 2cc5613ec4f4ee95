"""PNG, JPEG, BMP and TIFF: the same hiding, and pixels written to a new file without any metadata."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from usnet.dicom.deidentify import jpeg
from usnet.dicom.deidentify.hiding import Hiding, hiding
from usnet.dicom.deidentify.options import Options
from usnet.errors import UnreadableImage
from usnet.images import raster
from usnet.images.limits import Limits
from usnet.values import UInt8Image

_ORIENTATION = 0x0112  # EXIF


@dataclass(frozen=True, slots=True)
class CleanRaster:
    """A clean file and what was done."""

    data: bytes
    suffix: str
    coding_in: str
    coding_out: str
    hiding: Hiding
    first: UInt8Image
    frames: int
    changed_frames: int


def cleaned_raster(data: bytes, name: str, options: Options, limits: Limits) -> CleanRaster:
    """De-identify an image file. 8-bit JPEG stays JPEG, TIFF of several pages stays TIFF, everything else becomes PNG of 8 bits.

    Raises
    ------
    UnreadableImage
        The file cannot be decoded as a whole.
    """
    count = raster.frame_count(io.BytesIO(data), name, limits)
    pages = [raster.decode(io.BytesIO(data), name, limits, number) for number in range(count)]
    if len({page.shape for page in pages}) > 1:
        raise UnreadableImage("pages of different sizes", source=name, expected="one size", hint="Split the file")
    hidden = hiding(pages, (), options, name)
    changed = sum(bool(page[hidden.pixels].any()) for page in pages)
    first = pages[0]
    before = _kind(data)
    made = _as_jpeg(data, hidden) if before == "JPEG" else None
    kind = "JPEG" if made is not None else "PNG" if count == 1 else "TIFF"
    if made is None:
        made = _written([_black(page, hidden) for page in pages], kind)
    suffix = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif"}[kind]
    return CleanRaster(made, suffix, before, kind, hidden, first, count, changed)


def _as_jpeg(data: bytes, hidden: Hiding) -> bytes | None:
    """The stream with its own tables, ``None`` where it cannot stay JPEG: turned by EXIF, or of four colours."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        if image.getexif().get(_ORIENTATION, 1) != 1 or image.mode not in ("L", "RGB"):
            return None
    black = jpeg.blackened(data, hidden.pixels)
    return jpeg.bare(data) if black is None else black


def _kind(data: bytes) -> str:
    with Image.open(io.BytesIO(data), formats=raster.FORMATS) as image:
        return str(image.format)


def _black(page: UInt8Image, hidden: Hiding) -> UInt8Image:
    copy = page.copy()
    copy[hidden.pixels] = 0
    return copy


def _written(pages: list[UInt8Image], kind: str) -> bytes:
    target = io.BytesIO()
    images = [Image.fromarray(np.ascontiguousarray(page)) for page in pages]
    if kind == "TIFF":
        images[0].save(target, "TIFF", save_all=True, append_images=images[1:], compression="tiff_lzw")
    else:
        images[0].save(target, "PNG")
    return target.getvalue()
