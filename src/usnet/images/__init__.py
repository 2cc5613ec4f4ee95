"""The one pixel path: any image file to a :class:`~usnet.values.Frame`, and a frame to the network's input."""

from __future__ import annotations

from usnet.images.files import find_images, is_image
from usnet.images.letterbox import LetterboxTransform, letterbox, letterbox_uint8, to_float
from usnet.images.limits import Limits
from usnet.images.reading import frame_count, read, read_frames

__all__ = [
    "LetterboxTransform",
    "Limits",
    "find_images",
    "frame_count",
    "is_image",
    "letterbox",
    "letterbox_uint8",
    "read",
    "read_frames",
    "to_float",
]
