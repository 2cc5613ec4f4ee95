"""The five ultrasound files inside pydicom's own package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, pixel_array

from usnet.images import find_images, frame_count, is_image, read, read_frames
from usnet.values import Box

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"

FILES = [
    # name, shown width, height, frames, spacing (mm), region
    ("examples_rgb_color.dcm", 320, 240, 1, None, None),
    ("examples_palette.dcm", 680, 290, 1, 0.26228787661969977, Box(120, 60, 680, 290)),
    ("examples_jpeg2k.dcm", 640, 480, 1, None, None),
    ("ExplVR_BigEnd.dcm", 80, 60, 1, None, None),
    ("examples_ybr_color.dcm", 236, 209, 30, None, Box(84, 31, 236, 209)),
]


@pytest.mark.parametrize(("name", "width", "height", "frames", "spacing", "region"), FILES)
def test_size_count_calibration_and_region(
    name: str, width: int, height: int, frames: int, spacing: float | None, region: Box | None
) -> None:
    frame = read(FOLDER / name)
    assert (frame.width, frame.height) == (width, height)
    assert frame_count(FOLDER / name) == frames
    assert frame.region == region
    assert frame.spacing_mm == (None if spacing is None else pytest.approx((spacing, spacing)))
    assert (frame.spacing_source is None) == (spacing is None)
    assert frame.attributes["modality"] == "US"
    assert frame.pixels.std() > 1


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_jpeg2k.dcm", "ExplVR_BigEnd.dcm"])
def test_colour_files_show_what_pydicom_decodes(name: str) -> None:
    rgb = pixel_array(FOLDER / name).astype(float)
    np.testing.assert_allclose(read(FOLDER / name).pixels, rgb @ [0.299, 0.587, 0.114], atol=0.51)
    assert "colour" in read(FOLDER / name).flags


def test_the_palette_is_applied_and_the_tissue_region_shown() -> None:
    data = pydicom.dcmread(FOLDER / "examples_palette.dcm")
    rgb = apply_color_lut(data.pixel_array, data)[60:350, 120:800] / 257.0
    assert np.abs(read(FOLDER / "examples_palette.dcm").pixels - rgb @ [0.299, 0.587, 0.114]).max() <= 1.5


def test_a_region_that_mostly_lies_outside_makes_calibration_doubtful() -> None:
    frame = read(FOLDER / "examples_ybr_color.dcm")
    assert frame.spacing_mm is None
    assert "doubtful" in frame.attributes["notes"][0]


def test_every_frame_of_the_loop_is_read_in_order() -> None:
    path = FOLDER / "examples_ybr_color.dcm"
    wanted = np.rint(pixel_array(path).astype(float) @ [0.299, 0.587, 0.114])[:, 31:, 84:]
    seen = list(read_frames(path))
    assert [frame.number for frame in seen] == list(range(30))
    for frame in seen:
        assert np.abs(frame.pixels - wanted[frame.number]).max() <= 1
    np.testing.assert_array_equal(read(path, frame=17).pixels, seen[17].pixels)


def test_lossless_jpeg_through_the_extra() -> None:
    pytest.importorskip("gdcm", reason="the lossless extra is not installed")
    path = FOLDER / "SC_rgb_jpeg_gdcm.dcm"
    rgb = pixel_array(path).astype(float)
    np.testing.assert_allclose(read(path).pixels, rgb @ [0.299, 0.587, 0.114], atol=0.51)


def test_the_files_are_found_as_images() -> None:
    found = {path.name for path in find_images([FOLDER])}
    assert {name for name, *_ in FILES} <= found
    assert is_image(FOLDER / "examples_palette.dcm")
    assert not is_image(FOLDER / "README.txt")
