"""Geometry of the letterbox, as a table and as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.images import letterbox, letterbox_uint8, to_float
from usnet.images.letterbox import Mode, plan

TABLE = [
    # width, height, mode, scale x, scale y, offset x, offset y
    (256, 256, "letterbox", 1.0, 1.0, 0, 0),
    (512, 256, "letterbox", 0.5, 0.5, 0, 64),
    (300, 600, "letterbox", 128 / 300, 256 / 600, 64, 0),
    (333, 500, "letterbox", 170 / 333, 256 / 500, 43, 0),
    (100, 100, "letterbox", 2.56, 2.56, 0, 0),
    (5000, 1, "letterbox", 256 / 5000, 1.0, 0, 127),
    (1, 5000, "letterbox", 1.0, 256 / 5000, 127, 0),
    (1, 1, "letterbox", 256.0, 256.0, 0, 0),
    (300, 600, "stretch", 256 / 300, 256 / 600, 0, 0),
]


@pytest.mark.parametrize(("width", "height", "mode", "scale_x", "scale_y", "offset_x", "offset_y"), TABLE)
def test_geometry(
    width: int, height: int, mode: Mode, scale_x: float, scale_y: float, offset_x: float, offset_y: float
) -> None:
    image, transform = letterbox(np.full((height, width), 200, np.uint8), mode=mode)
    assert (transform.scale_x, transform.scale_y) == pytest.approx((scale_x, scale_y), abs=1e-12)
    assert (transform.offset_x, transform.offset_y) == (offset_x, offset_y)
    assert image.shape == (1, 256, 256)
    assert image.dtype == np.float32
    rows, columns = np.nonzero(image[0])
    filled = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert filled == tuple(transform.to_network([[0, 0, width, height]])[0].round(6))


@given(
    width=st.integers(1, 6000),
    height=st.integers(1, 6000),
    size=st.sampled_from([32, 256, 257, 512]),
    mode=st.sampled_from(["letterbox", "stretch"]),
    corners=st.lists(st.tuples(*[st.floats(-0.2, 1.2)] * 4), max_size=5),
)
def test_boxes_survive_the_round_trip(width: int, height: int, size: int, mode: Mode, corners: list) -> None:
    transform = plan(width, height, size, mode)
    boxes = np.array(corners).reshape(-1, 4) * [width, height, width, height]
    np.testing.assert_allclose(transform.to_frame(transform.to_network(boxes)), boxes, atol=1e-6)
    inside = np.array(corners).reshape(-1, 4) * size
    np.testing.assert_allclose(transform.to_network(transform.to_frame(inside)), inside, atol=1e-6)


def test_no_boxes_stay_no_boxes() -> None:
    transform = plan(640, 480)
    assert transform.to_frame(np.zeros((0, 4))).shape == (0, 4)
    assert transform.to_network([]).shape == (0, 4)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (123, 77)])
def test_a_drawn_box_lands_where_the_transform_says(width: int, height: int) -> None:
    frame = np.zeros((height, width), np.uint8)
    x0, y0, x1, y1 = (round(v) for v in (0.2 * width, 0.3 * height, 0.6 * width, 0.8 * height))
    frame[y0:y1, x0:x1] = 255
    image, transform = letterbox(frame)
    rows, columns = np.nonzero(image[0] > 0.5)
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(seen, transform.to_network([[x0, y0, x1, y1]])[0], atol=1.0)


def test_cached_and_served_pixels_are_identical() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (311, 207), np.uint8)
    cached, one = letterbox_uint8(frame)
    served, two = letterbox(frame)
    assert one == two
    assert cached.dtype == np.uint8
    np.testing.assert_array_equal(served, to_float(cached))
    np.testing.assert_array_equal(served[0], cached.astype(np.float32) / np.float32(255))


def test_resizing_is_antialiased() -> None:
    stripes = np.zeros((2560, 2560), np.uint8)
    stripes[:, ::2] = 255
    image, _ = letterbox_uint8(stripes)
    assert 120 < image.min() <= image.max() < 136


@pytest.mark.parametrize("pixels", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32)])
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        letterbox(pixels)


def test_an_empty_frame_and_an_unknown_mode_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        letterbox(np.zeros((0, 4), np.uint8))
    with pytest.raises(ValueError, match="letterbox"):
        letterbox(np.zeros((4, 4), np.uint8), mode="crop")  # type: ignore[arg-type]
