"""Sums of neighbours are those that a loop gives, in types that hold them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.images.sums import box_sums, run_sums


@given(
    st.integers(1, 9),
    st.sampled_from([(0, 1), (1, 0), (1, 1)]),
    st.integers(9, 14),
    st.integers(9, 14),
    st.integers(0, 2**32 - 1),
)
def test_runs(length: int, step: tuple[int, int], height: int, width: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(-100, 100, (height, width), dtype=np.int16)
    dy, dx = step
    rows, columns = height - dy * (length - 1), width - dx * (length - 1)
    expected = sum(values[dy * n : dy * n + rows, dx * n : dx * n + columns] for n in range(length))
    found = run_sums(values, length, dy, dx)
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("width", [1, 3, 9, 13, 25])
def test_boxes_of_the_largest_values_do_not_overflow(kind: type[np.uint8 | np.uint16], width: int) -> None:
    numbers = np.random.default_rng(width).integers(0, np.iinfo(kind).max, (40, 31), endpoint=True)
    values: npt.NDArray[np.uint8 | np.uint16] = numbers.astype(kind)
    values[:20] = np.iinfo(kind).max
    half = width // 2
    padded = np.pad(values, half, mode="symmetric").astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width))
    np.testing.assert_array_equal(box_sums(values, width), windows.sum(axis=(2, 3)))
