"""Caliper marks drawn on a frame: thin bright crosses, upright (+), diagonal (x) or starred. Pure numpy and scipy.

A mark has four or six arms that are all brighter than all fields between them; speckle and tissue interfaces rarely have that,
because they run in one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from usnet.images.filters import ndimage
from usnet.images.sums import run_sums
from usnet.values import UInt8Image

UPRIGHT = ((0, 1), (1, 0), (0, -1), (-1, 0))
DIAGONAL = ((1, 1), (1, -1), (-1, -1), (-1, 1))
ARM = 4  # px: shortest arm of a mark at the working size
MARGIN = ARM + 2  # px around the image that fields of marks at its edge reach into
NEIGHBOURHOOD = 31  # px: window whose spread a mark has to stand out from
FLOOR = 10.0  # grey levels: spread of a quiet surround
APART = 9  # px: two marks are at least this far from each other
MOST_WINDOWS = 1000  # neighbourhoods looked at one by one; breast frames have about a hundred
MOST_CANDIDATES = 256  # pixels looked at: bounds the time on noise

UPRIGHT_LIMIT, DIAGONAL_LIMIT, STAR_LIMIT = 0.78, 0.85, 1.5
"""How far the weakest arm rises above the brightest field, in spreads of the neighbourhood."""
LEAST_RISE = 18
"""The same in grey levels."""
SCALE = 36
"""Means of 3, 4 and 9 pixels are whole numbers of 36ths."""

Real = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int16]


def caliper_marks(image: UInt8Image, text: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Centres ``[N, 2]`` (x, y) of marks in a grey image ``uint8 [H, W]``, outside the ``text`` corners ``[M, 4]``."""
    rises = _rises(image)
    places = [np.flatnonzero(rise > SCALE * LEAST_RISE) for rise, _ in rises]
    spread = _spread(image.astype(np.float32), np.unique(np.concatenate(places)), text)
    return np.concatenate([_peaks(r, place, spread, limit) for (r, limit), place in zip(rises, places, strict=True)])


def _spread(image: Real, places: npt.NDArray[np.intp], text: npt.NDArray[np.intp]) -> Real:
    """:data:`FLOOR` plus the standard deviation of the neighbourhood, at the flat ``places`` at least; inf in ``text``."""
    if len(places) > MOST_WINDOWS:
        mean = ndimage.uniform_filter(image, NEIGHBOURHOOD)
        variance = ndimage.uniform_filter(image * image, NEIGHBOURHOOD) - mean * mean
        spread: Real = np.sqrt(np.maximum(variance, 0.0)) + np.float32(FLOOR)
    else:
        spread = np.full(image.shape, np.inf, dtype=np.float32)
        windows = sliding_window_view(np.pad(image, NEIGHBOURHOOD // 2, mode="symmetric"), (NEIGHBOURHOOD,) * 2)
        spread.ravel()[places] = windows[np.divmod(places, image.shape[1])].std(axis=(1, 2)) + np.float32(FLOOR)
    for x0, y0, x1, y1 in text.tolist():
        spread[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2] = np.inf
    return spread


def _rises(image: UInt8Image) -> list[tuple[Whole, float]]:
    """For each kind of mark, the weakest arm minus the brightest field between the arms at every pixel, times :data:`SCALE`, and
    its limit. Whole numbers throughout: exact, and a quarter of the time that real ones take."""
    padded = np.pad(image, MARGIN, mode="edge").astype(np.int16)
    moved = partial(_moved, height=image.shape[0], width=image.shape[1])
    across, down = run_sums(padded, 4, 0, 1), run_sums(padded, 4, 1, 0)
    falling, climbing = run_sums(padded, 3, 1, 1), run_sums(padded[::-1], 3, 1, 1)[::-1]  # this one two rows up
    field = run_sums(run_sums(padded, 3, 0, 1), 3, 1, 0)  # from -1 to +1, so stored one up and left
    right, below, left, above = moved(across, 0, 1), moved(down, 1, 0), moved(across, 0, -4), moved(down, -4, 0)
    slanted = [moved(falling, 1, 1), moved(climbing, -3, 1), moved(falling, -3, -3), moved(climbing, 1, -3)]
    weakest = _least(slanted) * np.int16(12)
    upright = np.minimum(below, above)
    beside = _most([moved(field, 3 * dy - 1, 3 * dx - 1) for dy, dx in DIAGONAL])
    east, south, west, north = (moved(field, 4 * dy - 1, 4 * dx - 1) for dy, dx in UPRIGHT)
    sides = np.maximum(east, west)
    return [
        (_least([upright, right, left]) * np.int16(9) - beside * np.int16(4), UPRIGHT_LIMIT),
        (weakest - _most([sides, south, north]) * np.int16(4), DIAGONAL_LIMIT),
        (np.minimum(weakest, upright * np.int16(9)) - sides * np.int16(4), STAR_LIMIT),
    ]


def _least(parts: Sequence[Whole]) -> Whole:
    least: Whole = reduce(np.minimum, parts)
    return least


def _most(parts: Sequence[Whole]) -> Whole:
    most: Whole = reduce(np.maximum, parts)
    return most


def _moved(padded: Whole, dy: int, dx: int, *, height: int, width: int) -> Whole:
    return padded[MARGIN + dy : height + MARGIN + dy, MARGIN + dx : width + MARGIN + dx]


def _peaks(rise: Whole, place: npt.NDArray[np.intp], spread: Real, limit: float) -> npt.NDArray[np.intp]:
    """Centres of the strongest rises above the limit, of those at ``place``, none within :data:`APART` of a stronger one."""
    height = rise.ravel()[place] / np.float32(SCALE)
    above = height > spread.ravel()[place] * np.float32(limit)
    place, height = place[above], height[above]
    y, x = np.divmod(place, rise.shape[1])
    strongest = np.argsort(-height, kind="stable")[:MOST_CANDIDATES]
    rest = np.stack([x, y], axis=1)[strongest]
    kept = []
    while len(rest):
        kept.append(rest[0])
        rest = rest[np.abs(rest - rest[0]).max(axis=1) >= APART]
    return np.array(kept, dtype=np.intp).reshape(-1, 2)
