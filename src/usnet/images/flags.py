"""Colour, calipers and text burned into a frame: marks that a network may take for anatomy.

Rules, not a model: they take a few milliseconds and need no weights. They were tuned by eye on public breast images of several
scanners. A flag is a warning, never a reason to drop a frame.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from usnet.values import Flag, UInt8Image

LONGEST_SIDE = 640
"""Larger frames are looked at in this size (px), where burned-in characters are 6 to 24 px high."""

SATURATED_SHARE = 0.004
"""Doppler and elastography colour at least this share of a frame; icons and coloured read-outs stay below it."""


def image_flags(pixels: UInt8Image) -> frozenset[Flag]:
    """Flags of a decoded image, ``uint8 [H, W]`` or RGB ``[H, W, 3]``."""
    if pixels.ndim == 2:
        return overlay_flags(pixels)
    colour: frozenset[Flag] = frozenset({"colour"}) if is_colour(pixels) else frozenset()
    return colour | overlay_flags(pixels.max(axis=2))


def is_colour(rgb: UInt8Image) -> bool:
    """Whether ``uint8 [H, W, 3]`` shows colour Doppler or elastography: clearly saturated, not dark, not a sepia tint."""
    brightest = rgb.max(axis=2)
    if np.array_equal(brightest, rgb.min(axis=2)):
        return False
    chroma = brightest - rgb.min(axis=2)
    saturated = (brightest > 64) & (chroma > brightest // 2)
    return bool(saturated.mean() > SATURATED_SHARE)


def overlay_flags(grey: UInt8Image) -> frozenset[Flag]:
    """``text`` and ``calipers`` found in ``uint8 [H, W]``. Frames under 32 pixels a side are not looked at."""
    from usnet.images.calipers import caliper_marks
    from usnet.images.lettering import text_lines

    if min(grey.shape) < 32:
        return frozenset()
    image = _working_copy(grey)
    lines = text_lines(image)
    flags: set[Flag] = {"text"} if len(lines) else set()
    if len(caliper_marks(image, lines)):
        flags.add("calipers")
    return frozenset(flags)


def _working_copy(grey: UInt8Image) -> UInt8Image:
    height, width = grey.shape
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1.0:
        return grey
    size = (max(32, round(width * scale)), max(32, round(height * scale)))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
