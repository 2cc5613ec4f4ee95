"""Where the B-mode image lies in an ultrasound DICOM frame, and how many millimetres a pixel is.

PS3.3 C.8.5.5: regions have their own calibration, so a series or a frame without a region has none of it. Scanners write region
corners that exceed the pixel matrix; they are clipped, and a region that mostly lies outside is not believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from usnet.values import Box

TWO_DIMENSIONAL = 1  # RegionSpatialFormat: 2D (tissue or flow), C.8.5.5.1.1
TISSUE = 1  # RegionDataType, C.8.5.5.1.2
COLOUR_FLOW = 2
CENTIMETRE = 3  # PhysicalUnitsXDirection, C.8.5.5.1.15: the only spatial unit
SMALLEST_SIDE = 16  # px: a smaller "tissue" region is an icon


@dataclass(frozen=True, slots=True)
class Geometry:
    """What of the stored matrix to show (``region`` in whole matrix pixels, ``None`` for all) and its calibration.

    ``spacing_mm`` is (row, column) millimetres a pixel; ``spacing_source`` the attribute that it came from.
    """

    region: Box | None
    spacing_mm: tuple[float, float] | None
    spacing_source: str | None
    colour: bool
    notes: tuple[str, ...]


def geometry(dataset: Dataset, columns: int, rows: int) -> Geometry:
    """Region and calibration of a DICOM header for a matrix of ``columns`` x ``rows`` pixels."""
    regions = [
        item for item in dataset.get("SequenceOfUltrasoundRegions") or () if _number(item, "RegionSpatialFormat") == 1
    ]
    colour = any(_number(item, "RegionDataType") == COLOUR_FLOW for item in regions)
    tissue = [(box, item) for item in regions if (box := _claimed(item)) and _number(item, "RegionDataType") == TISSUE]
    shown = [(box.clipped(columns, rows), box, item) for box, item in tissue]
    shown = [entry for entry in shown if min(entry[0].width, entry[0].height) >= SMALLEST_SIDE]
    if not shown:
        notes = ("the tissue region lies outside the frame and was ignored",) if tissue else ()
        return Geometry(None, *_pixel_spacing(dataset), colour, notes)
    clipped, claimed, item = max(shown, key=lambda entry: entry[0].area)
    if 2 * clipped.area < claimed.area:
        note = (
            f"calibration doubtful: the region claims {claimed.width:g} x {claimed.height:g} pixels, "
            f"{clipped.width:g} x {clipped.height:g} lie in the frame"
        )
        return Geometry(clipped, None, None, colour, (note,))
    return Geometry(clipped, *(_region_spacing(item) or _pixel_spacing(dataset)), colour, ())


def _claimed(item: Dataset) -> Box | None:
    """The region as written; its lower-right corner is a pixel that belongs to it."""
    names = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    corners = [_number(item, name) for name in names]
    if any(value is None for value in corners):
        return None
    x0, y0, x1, y1 = (float(value or 0) for value in corners)
    return Box.from_corners(x0, y0, x1 + 1, y1 + 1) if x1 >= x0 and y1 >= y0 else None


def _region_spacing(item: Dataset) -> tuple[tuple[float, float], str] | None:
    units = (_number(item, "PhysicalUnitsXDirection"), _number(item, "PhysicalUnitsYDirection"))
    if units != (CENTIMETRE, CENTIMETRE):
        return None
    spacing = _valid((_number(item, "PhysicalDeltaY"), _number(item, "PhysicalDeltaX")), 10.0)
    return None if spacing is None else (spacing, "SequenceOfUltrasoundRegions.PhysicalDelta")


def _pixel_spacing(dataset: Dataset) -> tuple[tuple[float, float] | None, str | None]:
    for name in ("PixelSpacing", "NominalScannedPixelSpacing"):
        value = dataset.get(name)
        if value is not None and not isinstance(value, str) and len(value) == 2:
            spacing = _valid((value[0], value[1]), 1.0)
            if spacing is not None:
                return spacing, name
    return None, None


def _valid(pair: tuple[Any, Any], factor: float) -> tuple[float, float] | None:
    """Absolute values times ``factor`` (directions may be negative), ``None`` where one is missing, zero or not finite."""
    if any(value is None for value in pair):
        return None
    row, column = (abs(float(value)) * factor for value in pair)
    return (row, column) if min(row, column) > 0 and math.isfinite(row) and math.isfinite(column) else None


def _number(item: Dataset, name: str) -> float | None:
    value = item.get(name)
    return float(value) if isinstance(value, int | float) else None
