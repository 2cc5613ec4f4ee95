"""What the second look sees: a square of the frame around a box, at the frame's own resolution, and where the box lies in it.

Training and serving take this one path. All coordinates are frame pixels with real-valued edges until the crop is resized.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from usnet.values import Box, UInt8Image

FloatArray = npt.NDArray[np.float32]


def window(box: Box, margin: float) -> Box:
    """Square around a box: centred on it, ``1 + 2 * margin`` times its longer side wide; at least one pixel."""
    side = max(1.0, (1 + 2 * margin) * max(box.width, box.height))
    return Box(box.x + box.width / 2 - side / 2, box.y + box.height / 2 - side / 2, side, side)


def crop(pixels: UInt8Image, square: Box, size: int) -> UInt8Image:
    """The part of ``pixels uint8 [H, W]`` inside ``square`` as ``uint8 [size, size]``; outside the frame it is black.

    Antialiased bilinear (Pillow) with fractional edges, so a box that moves by half a pixel moves the crop by half a pixel.
    """
    x0, y0 = math.floor(square.x), math.floor(square.y)
    x1, y1 = math.ceil(square.x + square.width), math.ceil(square.y + square.height)
    canvas = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    height, width = pixels.shape
    left, right, top, bottom = max(x0, 0), min(x1, width), max(y0, 0), min(y1, height)
    if left < right and top < bottom:
        canvas[top - y0 : bottom - y0, left - x0 : right - x0] = pixels[top:bottom, left:right]
    inner = (square.x - x0, square.y - y0, square.x - x0 + square.width, square.y - y0 + square.height)
    return np.asarray(Image.fromarray(canvas).resize((size, size), Image.Resampling.BILINEAR, box=inner))


def box_map(box: Box, square: Box, size: int) -> FloatArray:
    """``float32 [size, size]``: the share of each crop pixel that ``box`` covers, 1 inside, 0 outside."""
    scale = size / square.width
    cells = np.arange(size, dtype=np.float32)

    def covered(low: float, extent: float, origin: float) -> FloatArray:
        start, stop = (low - origin) * scale, (low + extent - origin) * scale
        share: FloatArray = np.clip(np.minimum(cells + 1, stop) - np.maximum(cells, start), 0, 1).astype(np.float32)
        return share

    result: FloatArray = np.outer(covered(box.y, box.height, square.y), covered(box.x, box.width, square.x))
    return result


def look_input(pixels: UInt8Image, box: Box, size: int, margin: float) -> FloatArray:
    """The second look's input ``float32 [2, size, size]`` for one box of a frame: grey values in [0, 1], and the box's own map."""
    square = window(box, margin)
    grey = crop(pixels, square, size).astype(np.float32) / np.float32(255)
    return np.stack([grey, box_map(box, square, size)])
