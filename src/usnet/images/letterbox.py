"""The one resize between a frame and the network, and its exact inverse on boxes.

The aspect ratio is kept by default, because a nodule that is taller than wide is itself a sign of malignancy; the paper
does not say how it resized, so ``stretch`` is the other choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from usnet.values import UInt8Image

Mode = Literal["letterbox", "stretch"]
FloatImage = npt.NDArray[np.float32]
Corners = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LetterboxTransform:
    """Where a frame of ``width`` x ``height`` pixels lies in the network's ``size`` x ``size`` input.

    ``network = frame * scale + offset`` on each axis, with real-valued pixel edges (0 is the outer edge of the first pixel).
    Scales are those of the resized image as it is, after rounding to whole pixels.
    """

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float
    width: int
    height: int
    size: int

    def to_network(self, boxes: npt.ArrayLike) -> Corners:
        """Corners ``[N, 4]`` (x0, y0, x1, y1) in frame pixels to network pixels."""
        return _corners(boxes) * self._scale() + self._offset()

    def to_frame(self, boxes: npt.ArrayLike) -> Corners:
        """Corners ``[N, 4]`` in network pixels to frame pixels: the inverse of :meth:`to_network`."""
        return (_corners(boxes) - self._offset()) / self._scale()

    def _scale(self) -> Corners:
        return np.array([self.scale_x, self.scale_y] * 2)

    def _offset(self) -> Corners:
        return np.array([self.offset_x, self.offset_y] * 2)


def plan(width: int, height: int, size: int = 256, mode: Mode = "letterbox") -> LetterboxTransform:
    """The transform for a frame of ``width`` x ``height`` pixels, without touching pixels.

    Raises
    ------
    ValueError
        An extent is below 1, or ``mode`` is unknown.
    """
    if min(width, height, size) < 1:
        raise ValueError(f"frame {width} x {height} to size {size}: every extent must be at least 1 pixel")
    if mode not in ("letterbox", "stretch"):
        raise ValueError(f"mode {mode!r}, expected 'letterbox' or 'stretch'")
    longest = max(width, height)
    new_width = size if mode == "stretch" else max(1, round(width * size / longest))
    new_height = size if mode == "stretch" else max(1, round(height * size / longest))
    return LetterboxTransform(
        scale_x=new_width / width,
        scale_y=new_height / height,
        offset_x=float((size - new_width) // 2),
        offset_y=float((size - new_height) // 2),
        width=width,
        height=height,
        size=size,
    )


def letterbox_uint8(
    pixels: UInt8Image, size: int = 256, mode: Mode = "letterbox"
) -> tuple[UInt8Image, LetterboxTransform]:
    """Resize ``uint8 [H, W]`` into ``uint8 [size, size]``, centred on black.

    Antialiased bilinear (Pillow), which is the same on every machine; see :func:`letterbox` for the network's input.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels are {pixels.dtype} {list(pixels.shape)}, expected uint8 [H, W]")
    transform = plan(pixels.shape[1], pixels.shape[0], size, mode)
    new_width = round(transform.scale_x * transform.width)
    new_height = round(transform.scale_y * transform.height)
    resized = Image.fromarray(np.ascontiguousarray(pixels)).resize((new_width, new_height), Image.Resampling.BILINEAR)
    canvas = np.zeros((size, size), dtype=np.uint8)
    x, y = int(transform.offset_x), int(transform.offset_y)
    canvas[y : y + new_height, x : x + new_width] = np.asarray(resized)
    return canvas, transform


def letterbox(pixels: UInt8Image, size: int = 256, mode: Mode = "letterbox") -> tuple[FloatImage, LetterboxTransform]:
    """The network's input ``float32 [1, size, size]`` in [0, 1]: exactly :func:`letterbox_uint8` / 255.

    Raises
    ------
    ValueError
        ``pixels`` is not ``uint8 [H, W]`` with at least one pixel, or ``mode`` is unknown.
    """
    image, transform = letterbox_uint8(pixels, size, mode)
    return to_float(image), transform


def to_float(image: UInt8Image) -> FloatImage:
    """``uint8 [size, size]`` (as cached) to the network's ``float32 [1, size, size]`` in [0, 1]."""
    return np.asarray(image[None], dtype=np.float32) / np.float32(255.0)


def _corners(boxes: npt.ArrayLike) -> Corners:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
