"""Which pixels of a file are made black: all outside the picture, and lines of text inside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from scipy import ndimage

from usnet.dicom.deidentify.lettering import ABOVE, lettering
from usnet.images.regions import SMALLEST_SIDE
from usnet.values import Box, UInt8Image

Area = Literal["header", "given", "found", "whole"]
"""Where the picture's area comes from: the ultrasound regions of the header, the user, a search, or nowhere (the whole frame)."""

SURE: frozenset[Area] = frozenset(["header", "given"])

_DARK = 4  # grey levels: what lies outside is nearly black, or text
_LEAST_SHARE = 0.15  # of the frame: a smaller bright shape is not the picture
_CORNERS = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")


@dataclass(frozen=True, slots=True)
class Hiding:
    """Pixels to make black in every frame, ``bool [H, W]``, and why.

    ``areas`` are the pictures that stay, ``lines`` the text found inside them: (x0, y0, x1, y1) in frame pixels.
    """

    pixels: npt.NDArray[np.bool_]
    source: Area
    areas: tuple[tuple[int, int, int, int], ...]
    lines: tuple[tuple[int, int, int, int], ...]

    @property
    def share(self) -> float:
        """Share of the frame that is black."""
        return float(self.pixels.mean())


def hiding(views: Iterable[UInt8Image], regions: tuple[Box, ...], area: Box | None) -> Hiding:
    """What to hide in all frames of a file.

    Parameters
    ----------
    views
        The frames as a viewer shows them, ``uint8 [H, W]`` or RGB ``[H, W, 3]``; looked at one at a time.
    regions
        Ultrasound regions of the header, clipped to the frame.
    area
        The picture as the user gives it, for a file without regions.
    """
    lines, brightest, darkest = set(), None, None
    for number, view in enumerate(views):
        lines |= _tuples(lettering(view) if number == 0 else lettering(view, (1.0,), both=False))
        brightest = view if brightest is None else np.maximum(brightest, view)
        darkest = view if darkest is None else np.minimum(darkest, view)
    if brightest is None or darkest is None:
        raise ValueError("no frames")
    if number:  # text stands still while tissue moves
        lines |= _tuples(lettering(darkest)) | _tuples(lettering(brightest))
    height, width = brightest.shape[:2]
    source, areas = _areas(brightest, regions, area)
    hidden = np.ones((height, width), dtype=bool)
    for x0, y0, x1, y1 in areas:
        hidden[y0:y1, x0:x1] = False
    inside = tuple(sorted(line for line in lines if not hidden[_letters(line)].all()))
    for x0, y0, x1, y1 in inside:
        hidden[y0:y1, x0:x1] = True
    return Hiding(hidden, source, areas, inside)


def header_regions(dataset: Dataset, columns: int, rows: int) -> tuple[Box, ...]:
    """Ultrasound regions of any kind (PS3.3 C.8.5.5), clipped to the frame; icons and damaged ones are left out."""
    found = []
    for item in dataset.get("SequenceOfUltrasoundRegions") or ():
        corners = [item.get(name) for name in _CORNERS]
        if not all(isinstance(value, int) for value in corners):
            continue
        x0, y0, x1, y1 = (
            min(max(int(v), 0), limit) for v, limit in zip(corners, (columns, rows, columns - 1, rows - 1), strict=True)
        )
        if x1 + 1 - x0 >= SMALLEST_SIDE and y1 + 1 - y0 >= SMALLEST_SIDE:
            found.append(Box.from_corners(x0, y0, x1 + 1, y1 + 1))
    return tuple(found)


def _areas(
    view: UInt8Image, regions: tuple[Box, ...], area: Box | None
) -> tuple[Area, tuple[tuple[int, int, int, int], ...]]:
    height, width = view.shape[:2]
    if regions:
        return "header", tuple(_corners(box) for box in regions)
    if area is not None:
        return "given", (_corners(area.clipped(width, height)),)
    found = _picture(view.max(axis=2) if view.ndim == 3 else view)
    return ("whole", ((0, 0, width, height),)) if found is None else ("found", (found,))


def _picture(grey: UInt8Image) -> tuple[int, int, int, int] | None:
    """Corners of the largest bright shape, ``None`` if it is small or fills the frame."""
    bright = ndimage.uniform_filter(grey.astype(np.float32), 7) > _DARK
    labels, count = ndimage.label(ndimage.binary_opening(bright, np.ones((9, 9))))
    if not count:
        return None
    largest = int(np.bincount(labels.ravel())[1:].argmax())
    y, x = ndimage.find_objects(labels)[largest]
    share = (y.stop - y.start) * (x.stop - x.start) / grey.size
    return (x.start, y.start, x.stop, y.stop) if _LEAST_SHARE <= share < 1 else None


def _letters(line: tuple[int, int, int, int]) -> tuple[slice, slice]:
    """The rows of the letters themselves in an enlarged line: a line above the picture must not cost a strip of it."""
    x0, y0, x1, y1 = line
    margin = round((y1 - y0) * ABOVE / (1 + 2 * ABOVE))
    return slice(y0 + margin, y1 - margin), slice(x0, x1)


def _corners(box: Box) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (round(value) for value in box.corners)
    return x0, y0, x1, y1


def _tuples(lines: npt.NDArray[np.intp]) -> set[tuple[int, int, int, int]]:
    return {(int(a), int(b), int(c), int(d)) for a, b, c, d in lines}
