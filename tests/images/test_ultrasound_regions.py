"""Region crop and calibration, as tables."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import dataset, encode, ramp, region, with_regions

from usnet.images import read
from usnet.values import Box

FRAME = ramp(100, 200)

CROPS = [
    # regions, box shown
    ([], None),
    ([region(20, 10, 119, 89)], Box(20, 10, 100, 80)),
    ([region(0, 0, 49, 49), region(50, 0, 199, 99)], Box(50, 0, 150, 100)),
    ([region(0, 0, 199, 99, RegionDataType=3), region(20, 10, 119, 89)], Box(20, 10, 100, 80)),
    ([region(0, 0, 199, 99, RegionSpatialFormat=3)], None),
    ([region(20, 10, 260, 89)], Box(20, 10, 180, 80)),
    ([region(300, 300, 400, 400)], None),
    ([region(50, 50, 20, 20)], None),
    ([region(0, 0, 7, 7)], None),
]


@pytest.mark.parametrize(("regions", "shown"), CROPS)
def test_largest_tissue_region_is_shown(regions: list, shown: Box | None) -> None:
    frame = read(with_regions(FRAME, *regions))
    assert frame.region == shown
    x0, y0, x1, y1 = (int(v) for v in (shown or Box(0, 0, 200, 100)).corners)
    np.testing.assert_array_equal(frame.pixels, FRAME[y0:y1, x0:x1])


SPACINGS = [
    # region fields, header fields, (row, column) mm, source
    ({}, {}, (0.2, 0.1), "SequenceOfUltrasoundRegions.PhysicalDelta"),
    ({}, {"PixelSpacing": [0.5, 0.4]}, (0.2, 0.1), "SequenceOfUltrasoundRegions.PhysicalDelta"),
    ({"PhysicalUnitsXDirection": 4}, {}, None, None),
    ({"PhysicalUnitsXDirection": 4}, {"PixelSpacing": [0.5, 0.4]}, (0.5, 0.4), "PixelSpacing"),
    ({"PhysicalDeltaX": 0.0}, {}, None, None),
    ({"PhysicalDeltaX": float("nan")}, {}, None, None),
    (None, {"PixelSpacing": [0.5, 0.4]}, (0.5, 0.4), "PixelSpacing"),
    (None, {"NominalScannedPixelSpacing": [0.3, 0.2]}, (0.3, 0.2), "NominalScannedPixelSpacing"),
    (None, {"PixelSpacing": [0.5, 0.4], "NominalScannedPixelSpacing": [0.3, 0.2]}, (0.5, 0.4), "PixelSpacing"),
    (
        None,
        {"PixelSpacing": [0, 0.4], "NominalScannedPixelSpacing": [0.3, 0.2]},
        (0.3, 0.2),
        "NominalScannedPixelSpacing",
    ),
    (None, {}, None, None),
]


@pytest.mark.parametrize(("fields", "header", "spacing", "source"), SPACINGS)
def test_spacing_and_its_source(
    fields: dict | None, header: dict, spacing: tuple[float, float] | None, source: str | None
) -> None:
    regions = [] if fields is None else [region(20, 10, 119, 89, **fields)]
    frame = read(with_regions(FRAME, *regions, **header))
    assert frame.spacing_mm == (None if spacing is None else pytest.approx(spacing))
    assert frame.spacing_source == source


@pytest.mark.parametrize(("right", "doubtful"), [(370, False), (480, True)])
def test_a_region_under_half_inside_is_not_believed(right: int, doubtful: bool) -> None:
    frame = read(with_regions(FRAME, region(20, 0, right, 99), PixelSpacing=[0.5, 0.4]))
    assert frame.region == Box(20, 0, 180, 100)
    assert (frame.spacing_mm is None) == doubtful
    assert any("doubtful" in note for note in frame.attributes.get("notes", ())) == doubtful


def test_a_colour_flow_region_is_flagged() -> None:
    tissue, flow = region(0, 0, 199, 99), region(50, 20, 99, 69, RegionDataType=2)
    assert "colour" in read(with_regions(FRAME, tissue, flow)).flags
    assert "colour" not in read(with_regions(FRAME, tissue)).flags


def test_the_crop_does_not_keep_the_matrix_alive() -> None:
    assert read(with_regions(FRAME, region(20, 10, 119, 89))).pixels.base is None
    assert read(encode(dataset(FRAME))).region is None
