"""Caliper marks drawn on a frame: thin bright crosses, upright (+), diagonal (x) or starred. Pure numpy and scipy.

A mark has four or six arms that are all brighter than all fields between them; speckle and tissue interfaces rarely have that,
because they run in one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt
from scipy import ndimage

UPRIGHT = ((0, 1), (1, 0), (0, -1), (-1, 0))
DIAGONAL = ((1, 1), (1, -1), (-1, -1), (-1, 1))
ARM = 4  # px: shortest arm of a mark at the working size
NEIGHBOURHOOD = 31  # px: window whose spread a mark has to stand out from
FLOOR = 10.0  # grey levels: spread of a quiet surround
APART = 9  # px: two marks are at least this far from each other
MOST_CANDIDATES = 256  # pixels looked at: bounds the time on noise

UPRIGHT_LIMIT, DIAGONAL_LIMIT, STAR_LIMIT = 0.78, 0.85, 1.5
"""How far the weakest arm rises above the brightest field, in spreads of the neighbourhood."""
LEAST_RISE = 18.0
"""The same in grey levels."""

Grey = npt.NDArray[np.float32]


def caliper_marks(image: Grey, text: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Centres ``[N, 2]`` (x, y) of marks in a grey image ``[H, W]`` (0..255), outside the ``text`` corners ``[M, 4]``."""
    mean = ndimage.uniform_filter(image, NEIGHBOURHOOD)
    variance = ndimage.uniform_filter(image * image, NEIGHBOURHOOD) - mean * mean
    spread = np.sqrt(np.maximum(variance, 0.0)) + FLOOR
    margin = ARM + 2
    padded = np.pad(image, margin, mode="edge")
    smooth = ndimage.uniform_filter(padded, 3)
    east, south, west, north = (_arm(padded, dy, dx, ARM) for dy, dx in UPRIGHT)
    slanted = [_arm(padded, dy, dx, ARM - 1) for dy, dx in DIAGONAL]
    beside = [_moved(smooth, 3 * dy, 3 * dx) for dy, dx in DIAGONAL]
    right, below, left, above = (_moved(smooth, 4 * dy, 4 * dx) for dy, dx in UPRIGHT)
    upright = _rise((east, south, west, north), beside)
    diagonal = _rise(slanted, (right, below, left, above))
    star = _rise((*slanted, south, north), (right, left))
    for x0, y0, x1, y1 in text.tolist():
        spread[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2] = np.inf
    limits = ((upright, UPRIGHT_LIMIT), (diagonal, DIAGONAL_LIMIT), (star, STAR_LIMIT))
    return np.concatenate([_peaks(rise, spread * np.float32(limit)) for rise, limit in limits])


def _rise(arms: Sequence[Grey], fields: Sequence[Grey]) -> Grey:
    """Weakest arm minus the brightest field between the arms, at every pixel."""
    rise: Grey = reduce(np.minimum, arms) - reduce(np.maximum, fields)
    return rise


def _arm(padded: Grey, dy: int, dx: int, length: int) -> Grey:
    """Mean of ``length`` pixels from every pixel in one direction."""
    total = _moved(padded, dy, dx).copy()
    for step in range(2, length + 1):
        total += _moved(padded, step * dy, step * dx)
    return total / np.float32(length)


def _moved(padded: Grey, dy: int, dx: int) -> Grey:
    margin = ARM + 2
    height, width = padded.shape
    return padded[margin + dy : height - margin + dy, margin + dx : width - margin + dx]


def _peaks(rise: Grey, limit: Grey) -> npt.NDArray[np.intp]:
    """Centres of the strongest rises above the limit, none within :data:`APART` of a stronger one."""
    y, x = np.nonzero((rise > limit) & (rise > LEAST_RISE))
    strongest = np.argsort(-rise[y, x], kind="stable")[:MOST_CANDIDATES]
    rest = np.stack([x, y], axis=1)[strongest]
    kept = []
    while len(rest):
        kept.append(rest[0])
        rest = rest[np.abs(rest - rest[0]).max(axis=1) >= APART]
    return np.array(kept, dtype=np.intp).reshape(-1, 2)
