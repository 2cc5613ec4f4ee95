"""What the pixels in, around and below a contour say: echogenicity, texture, sharpness of the margin, posterior features."""

from __future__ import annotations

import numpy as np

from usnet.descriptors.contour import BoolMask, Contour, FloatArray, angles
from usnet.values import Box, UInt8Image

LEAST_PIXELS = 12
"""Fewer pixels than this say nothing."""
INDISTINCT = 0.1
"""A margin whose outside is less than a tenth brighter than its inside cannot be seen."""


def echo_of(pixels: UInt8Image, contour: Contour) -> dict[str, float]:
    """Echo descriptors of a nodule on ``pixels uint8 [H, W]``; NaN where the frame does not show enough.

    ``echo_to_fat`` and the posterior feature are binary logarithms of ratios of grey values (a display's grey is itself roughly
    logarithmic in the echo). Fat is not segmented: what lies beside the nodule at its depth, within one width, stands for it.
    """
    image = pixels.astype(np.float64) + 1.0
    inside = contour.mask(pixels.shape)
    box = contour.box
    beside = _beside(inside, box)
    below, below_beside = _below(pixels.shape, box)
    outer, inner = _both_sides(image, contour)
    contrast = (outer - inner) / (outer + inner)
    return {
        "echo_to_fat": _ratio(image, inside, beside),
        "heterogeneity": float(image[inside].std() / image[inside].mean()) if inside.sum() >= LEAST_PIXELS else np.nan,
        "darkest_share": float((image[inside] < 16).mean()) if inside.sum() >= LEAST_PIXELS else np.nan,
        "brightest_share": _bright_share(image, inside),
        "margin_contrast": float(contrast.mean()),
        "margin_indistinct": float((contrast < INDISTINCT).mean()),
        "halo": _halo(image, contour),
        "posterior": _ratio(image, below, below_beside),
    }


def _ratio(image: FloatArray, first: BoolMask, second: BoolMask) -> float:
    if min(first.sum(), second.sum()) < LEAST_PIXELS:
        return float("nan")
    return float(np.log2(image[first].mean() / image[second].mean()))


def _bright_share(image: FloatArray, inside: BoolMask) -> float:
    """Share of the inside that is twice as bright as its median and bright at all: what calcifications look like."""
    if inside.sum() < LEAST_PIXELS:
        return float("nan")
    values = image[inside]
    return float(((values > 2 * np.median(values)) & (values > 128)).mean())


def _rectangle(shape: tuple[int, int], x0: float, y0: float, x1: float, y1: float) -> BoolMask:
    mask = np.zeros(shape, dtype=bool)
    mask[max(0, round(y0)) : max(0, round(y1)), max(0, round(x0)) : max(0, round(x1))] = True
    return mask


def _beside(inside: BoolMask, box: Box) -> BoolMask:
    """Left and right of the nodule at its depth, from 15 % to one width away."""
    shape = (inside.shape[0], inside.shape[1])
    x0, y0, x1, y1 = box.corners
    gap, reach = 0.15 * box.width, box.width
    left = _rectangle(shape, x0 - reach, y0, x0 - gap, y1)
    return np.asarray((left | _rectangle(shape, x1 + gap, y0, x1 + reach, y1)) & ~inside)


def _below(shape: tuple[int, int], box: Box) -> tuple[BoolMask, BoolMask]:
    """Under the middle 60 % of the nodule, from 10 % to one height below it; and beside that at the same depth."""
    x0, _, x1, y1 = box.corners
    top, bottom = y1 + 0.1 * box.height, y1 + 1.0 * box.height
    inner, gap, reach = 0.2 * box.width, 0.15 * box.width, 0.65 * box.width
    under = _rectangle(shape, x0 + inner, top, x1 - inner, bottom)
    left = _rectangle(shape, x0 - reach, top, x0 - gap, bottom)
    return under, np.asarray(left | _rectangle(shape, x1 + gap, top, x1 + reach, bottom))


def _along(image: FloatArray, contour: Contour, shares: tuple[float, ...]) -> FloatArray:
    """Mean grey on every ray over the given shares of the radius."""
    from scipy.ndimage import map_coordinates

    centre = np.array(contour.centre)
    rays = contour.points - centre
    values = [map_coordinates(image, ((centre + s * rays)[:, ::-1] - 0.5).T, order=1, mode="nearest") for s in shares]
    return np.asarray(np.mean(values, axis=0), dtype=np.float64)


def _both_sides(image: FloatArray, contour: Contour) -> tuple[FloatArray, FloatArray]:
    """Grey just outside and just inside, averaged over three neighbouring rays."""
    sides = [_along(image, contour, shares) for shares in ((1.06, 1.1, 1.14), (0.86, 0.9, 0.94))]
    outer, inner = (np.asarray((np.roll(s, 1) + s + np.roll(s, -1)) / 3) for s in sides)
    return outer, inner


def _halo(image: FloatArray, contour: Contour) -> float:
    """Log2 ratio of the rim (just outside) to what lies further out, on the sides and above, not in the shadow below."""
    upper = np.sin(angles()) < 0.5
    rim = _along(image, contour, (1.04, 1.1, 1.16))[upper].mean()
    return float(np.log2(rim / _along(image, contour, (1.3, 1.4, 1.5))[upper].mean()))
