"""PNG, JPEG, BMP and TIFF through Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from usnet.errors import UnreadableImage
from usnet.images.grey import floats_to_uint8, integers_to_uint8, on_black
from usnet.images.limits import Limits, refuse_truncated
from usnet.values import UInt8Image

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
EXPECTED = "a PNG, JPEG, BMP, TIFF or DICOM image"

_ORIENTATION = 0x0112  # EXIF tag
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def frame_count(stream: IO[bytes], source: str, limits: Limits) -> int:
    """Pages of a TIFF; 1 for the other formats."""
    with _opened(stream, source, limits) as image:
        return _pages(image, source, limits)


def decode(stream: IO[bytes], source: str, limits: Limits, frame: int = 0) -> UInt8Image:
    """One page as ``uint8 [H, W]`` (grey files) or ``[H, W, 3]`` (colour files), EXIF orientation applied."""
    with _opened(stream, source, limits) as image:
        if not 0 <= frame < _pages(image, source, limits):
            raise UnreadableImage(
                f"no frame {frame}", source=source, expected=f"0 to {_pages(image, source, limits) - 1}"
            )
        if frame:
            image.seek(frame)
            limits.check_pixels(*image.size, source)
        refuse_truncated()
        image.load()
        turn = _TRANSPOSE.get(_orientation(image))
        return to_array(image.transpose(turn) if turn is not None else image)


def to_array(image: Image.Image) -> UInt8Image:
    """Pixels of any Pillow mode as ``uint8 [H, W]`` or ``[H, W, 3]``; alpha is laid on black, wide grey values scaled linearly.

    16-bit colour is the exception: Pillow keeps the upper byte of each value.
    """
    if image.mode == "F":
        return floats_to_uint8(np.asarray(image))
    if image.mode.startswith("I"):
        return integers_to_uint8(np.asarray(image))
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return on_black(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


@contextmanager
def _opened(stream: IO[bytes], source: str, limits: Limits) -> Iterator[Image.Image]:
    """An image whose size has been checked and whose pixels are not decoded yet."""
    try:
        image = Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError:
        raise UnreadableImage(_found(stream), source=source, expected=EXPECTED, hint="Check what the file is") from None
    except Image.DecompressionBombError as error:
        raise UnreadableImage(
            f"the frame is too large to decode ({error})",
            source=source,
            expected=f"at most {limits.max_pixels} pixels",
        ) from None
    with image:
        limits.check_pixels(*image.size, source)
        yield image


def _pages(image: Image.Image, source: str, limits: Limits) -> int:
    count = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
    limits.check_frames(count, source)
    return count


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF does not make the pixels unreadable
        return 1


def _found(stream: IO[bytes]) -> str:
    """What the first bytes look like, in words."""
    stream.seek(0)
    head = stream.read(64)
    if head and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return "the file is text, not an image"
    if head.startswith((b"\x89PNG", b"\xff\xd8", b"BM", b"II*\x00", b"MM\x00*")):
        return "the file begins as an image, but its header is damaged"
    return f"the file is no known image (begins {head[:8].hex(' ')})"
