"""Words and read-outs burned into a frame: rows of equally high, thin, bright shapes. Pure numpy and scipy.

Single letters, logos and the digits of a depth scale are too few to tell from speckle and are not reported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from usnet.images.filters import ndimage
from usnet.images.sums import box_sums
from usnet.values import UInt8Image

SURROUND = 25  # px: characters are brighter than the mean of this window
THRESHOLDS = (40, 80)  # grey levels above the surround: antialiased and crisp lettering
SMALLEST, LARGEST = 6, 24  # px: height of a capital letter or digit
CHARACTERS = 3  # shapes in a row: two happen by chance in speckle
SLACK = 1  # px: letters of one line share top and bottom to this
PAIRS = 2_000_000  # pairs of shapes that are compared at once: bounds memory

Shapes = npt.NDArray[np.intp]


def text_lines(image: UInt8Image) -> Shapes:
    """Lines of text in a grey image ``uint8 [H, W]``: corners ``[N, 4]`` (x0, y0, x1, y1)."""
    area = SURROUND * SURROUND
    raised = np.multiply(image, area, dtype=np.int32)
    raised -= box_sums(image, SURROUND).view(np.int32)
    found = [line for level in THRESHOLDS for line in _rows(_characters(raised > level * area))]
    return np.array(found, dtype=np.intp).reshape(-1, 4)


def _characters(mask: npt.NDArray[np.bool_]) -> Shapes:
    """Connected shapes that could be a letter or digit, from left to right: corners ``[N, 4]``."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    if not count:
        return np.zeros((0, 4), dtype=np.intp)
    place = np.flatnonzero(mask)
    y, x = np.divmod(place, mask.shape[1])
    number = labels.ravel()[place].astype(np.min_scalar_type(count))  # the sort is much faster up to 16 bits
    order = np.argsort(number, kind="stable")
    y, x, number = y[order], x[order], number[order]
    first = np.flatnonzero(np.diff(number, prepend=0))
    x0, y0 = np.minimum.reduceat(x, first), np.minimum.reduceat(y, first)
    x1, y1 = np.maximum.reduceat(x, first) + 1, np.maximum.reduceat(y, first) + 1
    area = np.diff(first, append=len(number))
    width, height = x1 - x0, y1 - y0
    letter = (width <= 1.6 * height) & (area < 0.9 * width * height)
    stroke = 3 * width <= height  # I, 1
    keep = (height >= SMALLEST) & (height <= LARGEST) & (letter | stroke)
    shapes = np.stack([x0, y0, x1, y1], axis=1)[keep]
    return np.asarray(shapes[np.argsort(shapes[:, 0], kind="stable")])


def _rows(shapes: Shapes) -> list[list[int]]:
    """Bounding corners of runs of at least :data:`CHARACTERS` shapes with a common top and bottom and small gaps."""
    lines: list[list[int]] = []
    used = np.zeros(len(shapes), dtype=bool)
    block = max(1, PAIRS // max(1, len(shapes)))
    for begin in range(0, len(shapes), block):
        level = _followers(shapes[begin : begin + block], shapes)
        for row in np.flatnonzero(np.count_nonzero(level, axis=1) >= CHARACTERS - 1).tolist():
            if used[begin + row]:
                continue
            run, end = _run(shapes, begin + row, np.flatnonzero(level[row] & ~used).tolist())
            if len(run) >= CHARACTERS:
                used[run] = True
                x0, top, _, bottom = shapes[begin + row].tolist()
                lines.append([x0, top, end, bottom])
    return lines


def _followers(some: Shapes, shapes: Shapes) -> npt.NDArray[np.bool_]:
    """Which of all ``shapes`` stand to the right of each of ``some``, with the same top and bottom: ``[S, N]``."""
    level = some[:, None, 2] <= shapes[None, :, 0]
    for edge in (1, 3):
        level &= np.abs(some[:, None, edge] - shapes[None, :, edge]) <= SLACK
    return np.asarray(level)


def _run(shapes: Shapes, start: int, followers: Sequence[int]) -> tuple[list[int], int]:
    """The shape and those that follow it at small gaps, and where the last of them ends."""
    _, top, end, bottom = shapes[start].tolist()
    run = [start]
    for other in followers:
        if 0 <= shapes[other, 0] - end <= 1.2 * (bottom - top):
            run.append(other)
            end = int(shapes[other, 2])
    return run, end
