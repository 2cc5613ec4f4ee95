"""Which pixels of a file are made black: all outside the picture, and lines of text and words inside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from scipy import ndimage

from usnet.dicom.deidentify.lettering import ABOVE, lettering
from usnet.dicom.deidentify.ocr import Corners, words
from usnet.dicom.deidentify.options import Options
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
    areas: tuple[Corners, ...]
    lines: tuple[Corners, ...]

    @property
    def share(self) -> float:
        """Share of the frame that is black."""
        return float(self.pixels.mean())


def hiding(
    views: Iterable[UInt8Image], regions: tuple[Box, ...], options: Options = Options(), name: str = "<frames>"
) -> Hiding:
    """What to hide in all frames of a file.

    Parameters
    ----------
    views
        The frames as a viewer shows them, ``uint8 [H, W]`` or RGB ``[H, W, 3]``; looked at one at a time.
    regions
        Ultrasound regions of the header, clipped to the frame.
    options
        ``area``: the picture as the user gives it, for a file without regions; ``ocr``: whether words are read too.
    name
        Of the file, for errors.

    Raises
    ------
    UnreadableImage
        Words were to be read and could not be looked for.
    """
    loop = _looked_at(views)
    height, width = loop.brightest.shape[:2]
    source, areas = _areas(loop.brightest, regions, options.area)
    lines = loop.lines
    if options.ocr:
        lines = lines | {word for corners in areas for word in _words(loop, corners, name)}
    hidden = np.ones((height, width), dtype=bool)
    for x0, y0, x1, y1 in areas:
        hidden[y0:y1, x0:x1] = False
    inside = tuple(sorted(line for line in lines if not hidden[_letters(line)].all()))
    for x0, y0, x1, y1 in inside:
        hidden[y0:y1, x0:x1] = True
    return Hiding(hidden, source, areas, inside)


@dataclass(frozen=True, slots=True)
class _Loop:
    """First and last frame, the darkest and the brightest value of each pixel, and the lines of text in all frames."""

    first: UInt8Image
    last: UInt8Image
    darkest: UInt8Image
    brightest: UInt8Image
    lines: set[Corners]


def _looked_at(views: Iterable[UInt8Image]) -> _Loop:
    """Text stands still while tissue moves: it stands out in the extremes over a loop."""
    frames = iter(views)
    first = next(frames, None)
    if first is None:
        raise ValueError("no frames")
    lines, last, darkest, brightest = _tuples(lettering(first)), first, first, first
    for last in frames:
        lines |= _tuples(lettering(last, (1.0,), both=False))
        darkest, brightest = np.minimum(darkest, last), np.maximum(brightest, last)
    if last is not first:
        lines |= _tuples(lettering(darkest)) | _tuples(lettering(brightest))
    return _Loop(first, last, darkest, brightest, lines)


def _words(loop: _Loop, corners: Corners, name: str) -> set[Corners]:
    """Words that can be read in an area; of a loop in its ends and extremes, because reading takes long."""
    found = _tuples(words(loop.first, corners, name))
    if loop.last is not loop.first:
        found |= _tuples(words(loop.last, corners, name))
        found |= _tuples(words(loop.brightest, corners, name, ("bright",)))
        found |= _tuples(words(loop.darkest, corners, name, ("dark",)))
    return found


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


def _areas(view: UInt8Image, regions: tuple[Box, ...], area: Box | None) -> tuple[Area, tuple[Corners, ...]]:
    height, width = view.shape[:2]
    if regions:
        return "header", tuple(_corners(box) for box in regions)
    if area is not None:
        return "given", (_corners(area.clipped(width, height)),)
    found = _picture(view.max(axis=2) if view.ndim == 3 else view)
    return ("whole", ((0, 0, width, height),)) if found is None else ("found", (found,))


def _picture(grey: UInt8Image) -> Corners | None:
    """Corners of the largest bright shape, ``None`` if it is small or fills the frame."""
    bright = ndimage.uniform_filter(grey.astype(np.float32), 7) > _DARK
    labels, count = ndimage.label(ndimage.binary_opening(bright, np.ones((9, 9))))
    if not count:
        return None
    largest = int(np.bincount(labels.ravel())[1:].argmax())
    y, x = ndimage.find_objects(labels)[largest]
    share = (y.stop - y.start) * (x.stop - x.start) / grey.size
    return (x.start, y.start, x.stop, y.stop) if _LEAST_SHARE <= share < 1 else None


def _letters(line: Corners) -> tuple[slice, slice]:
    """The rows of the letters themselves in an enlarged line: a line above the picture must not cost a strip of it."""
    x0, y0, x1, y1 = line
    margin = round((y1 - y0) * ABOVE / (1 + 2 * ABOVE))
    return slice(y0 + margin, y1 - margin), slice(x0, x1)


def _corners(box: Box) -> Corners:
    x0, y0, x1, y1 = (round(value) for value in box.corners)
    return x0, y0, x1, y1


def _tuples(lines: npt.NDArray[np.intp]) -> set[Corners]:
    return {(int(a), int(b), int(c), int(d)) for a, b, c, d in lines}
