"""Any decoded array to ``uint8`` grey, by fixed linear rules that lose no contrast silently."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from usnet.values import UInt8Image

BIT_DEPTHS = (8, 10, 12, 14, 16, 32)
"""Depths that scanners and converters really use inside wider integers."""


def integers_to_uint8(values: npt.NDArray[Any], bits: int | None = None) -> UInt8Image:
    """Unsigned values of ``bits`` bits scaled linearly to 0..255.

    Without ``bits`` the depth is the smallest of :data:`BIT_DEPTHS` that holds the largest value, so that 12-bit data in a
    16-bit file do not come out sixteen times too dark. Negative values lift the whole image by the smallest one.
    """
    if values.dtype == np.uint8 and bits in (None, 8):
        return np.asarray(values, dtype=np.uint8)
    wide = values.astype(np.int64)
    wide -= min(0, int(wide.min(initial=0)))
    largest = int(wide.max(initial=0))
    depth = next(b for b in (bits, *BIT_DEPTHS, 64) if b is not None and largest < 1 << b)
    if depth == 8:
        return wide.astype(np.uint8)
    grey: UInt8Image = np.rint(wide * (255.0 / ((1 << depth) - 1))).astype(np.uint8)
    return grey


def floats_to_uint8(values: npt.NDArray[Any]) -> UInt8Image:
    """Real values to 0..255: [0, 1] and [0, 255] by those ranges, anything else from its own minimum to its maximum.

    Values that are not finite become black.
    """
    finite = np.isfinite(values)
    real = np.where(finite, values, 0.0).astype(np.float64)
    low, high = (float(v) for v in (real[finite].min(initial=0.0), real[finite].max(initial=0.0)))
    if low >= 0.0:
        high = 1.0 if high <= 1.0 else 255.0 if high <= 255.0 else high
    scaled = (real - low) * (255.0 / (high - low)) if low < 0.0 else real * (255.0 / high)
    grey: UInt8Image = np.where(finite, np.rint(scaled), 0.0).astype(np.uint8)
    return grey


def luma(rgb: UInt8Image) -> UInt8Image:
    """Grey ``[H, W]`` of ``uint8 [H, W, 3]``: 0.299 R + 0.587 G + 0.114 B, the luma of ITU-R BT.601.

    By Pillow, in whole numbers: the same on every machine, and a grey image that was stored as RGB comes back unchanged.
    """
    return np.array(Image.fromarray(np.ascontiguousarray(rgb)).convert("L"))


def on_black(rgba: UInt8Image) -> UInt8Image:
    """``uint8 [H, W, 4]`` with straight alpha laid on black: ``[H, W, 3]``."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)
