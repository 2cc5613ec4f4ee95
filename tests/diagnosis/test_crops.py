"""The second look's crop: where the square lies, what is in it, where the box is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.diagnosis.crops import box_map, crop, look_input, window
from usnet.values import Box

FRAME = np.random.default_rng(0).integers(1, 256, (60, 80), dtype=np.uint8)


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        (Box(10, 20, 40, 20), 0.25, Box(0, 0, 60, 60)),  # the longer side decides, the centre stays
        (Box(10, 20, 20, 40), 0.25, Box(-10, 10, 60, 60)),
        (Box(10, 20, 30, 30), 0.0, Box(10, 20, 30, 30)),
        (Box(5, 5, 0, 0), 0.5, Box(4.5, 4.5, 1, 1)),  # an empty box still has a pixel around it
    ],
)
def test_the_square_around_a_box(box: Box, margin: float, expected: Box) -> None:
    assert window(box, margin) == expected


def test_a_square_of_the_crops_size_is_a_plain_slice() -> None:
    assert (crop(FRAME, Box(7, 11, 32, 32), 32) == FRAME[11:43, 7:39]).all()


def test_outside_the_frame_is_black() -> None:
    found = crop(FRAME, Box(-16, 44, 32, 32), 32)
    assert (found[:, :16] == 0).all()
    assert (found[16:] == 0).all()
    assert (found[:16, 16:] == FRAME[44:, :16]).all()
    assert (crop(FRAME, Box(500, 500, 20, 20), 32) == 0).all()


def test_half_a_pixel_of_the_square_is_half_a_pixel_of_the_crop() -> None:
    found = crop(FRAME, Box(7.5, 11, 32, 32), 32).astype(float)
    between = (FRAME[11:43, 7:39].astype(float) + FRAME[11:43, 8:40]) / 2
    assert np.abs(found - between).max() <= 1


@given(st.floats(-5, 60), st.floats(-5, 50), st.floats(1, 60), st.floats(1, 60), st.floats(0, 1))
def test_the_map_has_the_boxs_area_and_its_centre(
    x: float, y: float, width: float, height: float, margin: float
) -> None:
    box = Box(x, y, width, height)
    square = window(box, margin)
    found = box_map(box, square, 64)
    assert found.sum() * (square.width / 64) ** 2 == pytest.approx(box.area, rel=1e-3)
    assert found.min() >= 0
    assert found.max() <= 1
    rows, columns = np.mgrid[:64, :64] + 0.5
    assert (found * rows).sum() / found.sum() == pytest.approx(32, abs=0.01)
    assert (found * columns).sum() / found.sum() == pytest.approx(32, abs=0.01)


def test_the_input_has_two_channels_in_0_to_1() -> None:
    found = look_input(FRAME, Box(20, 20, 20, 10), 48, 0.25)
    assert found.shape == (2, 48, 48)
    assert found.dtype == np.float32
    assert found[0].max() <= 1
    assert found[1, 24, 24] == 1
    assert found[1, 0, 0] == 0
