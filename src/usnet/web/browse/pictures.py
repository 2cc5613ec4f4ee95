"""Pictures for pages, made in a worker."""

from __future__ import annotations

import io

from PIL import Image

from usnet.values import Frame

THUMB = (192, 144)


def png(frame: Frame) -> bytes:
    """A frame as it is."""
    stream = io.BytesIO()
    Image.fromarray(frame.pixels).save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def jpeg(frame: Frame, size: tuple[int, int] = THUMB) -> bytes:
    """A frame scaled down into ``size`` (width, height), for lists."""
    picture = Image.fromarray(frame.pixels)
    picture.thumbnail(size, Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=82)
    return stream.getvalue()
