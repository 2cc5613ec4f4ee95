"""Burned-in text inside the picture, in several sizes and in both polarities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from usnet.images.lettering import text_lines
from usnet.values import UInt8Image

SCALES = (0.5, 1.0, 2.0)
"""The finder knows letters of 6 to 24 px; together these reach from 3 to 48 px."""
MOST_PIXELS = 1_000_000
"""A copy with more pixels is not searched: small letters in so large a frame are found at the next scale."""
BESIDE, ABOVE = 4.0, 1.5
"""Letter heights that a line is enlarged by at its ends, and above and below: ends of words and short lines beside a found one are
often not found themselves."""

Rectangles = npt.NDArray[np.intp]


def lettering(view: UInt8Image, scales: tuple[float, ...] = SCALES, both: bool = True) -> Rectangles:
    """Rectangles ``[N, 4]`` (x0, y0, x1, y1) around lines of text in ``uint8 [H, W]`` or RGB ``[H, W, 3]``.

    With ``both``, letters darker than what is behind them are looked for too.
    """
    bright = view.max(axis=2) if view.ndim == 3 else view
    dark = 255 - (view.min(axis=2) if view.ndim == 3 else view)
    found = [_at(copy, scale) for copy in ((bright, dark) if both else (bright,)) for scale in scales]
    return np.concatenate([np.zeros((0, 4), np.intp), *found])


def _at(grey: UInt8Image, scale: float) -> Rectangles:
    height, width = grey.shape
    size = (round(width * scale), round(height * scale))
    if min(size) < 32 or (scale > 1 and size[0] * size[1] > MOST_PIXELS):
        return np.zeros((0, 4), np.intp)
    copy = grey if scale == 1 else np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
    lines = text_lines(copy).astype(np.float64)
    letter = lines[:, 3:] - lines[:, 1:2]
    lines += letter * (-BESIDE, -ABOVE, BESIDE, ABOVE) + (-2, -2, 2, 2)
    lines = np.concatenate([np.floor(lines[:, :2] / scale), np.ceil(lines[:, 2:] / scale)], axis=1)
    return np.clip(lines, 0, (width, height, width, height)).astype(np.intp)
