"""Masks to boxes: the half-open convention, components, specks, masks of another size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.layouts import mask, write_mask
from usnet.datasets.masks import boxes_from_mask, foreground, read_mask
from usnet.errors import UnreadableImage
from usnet.values import Box


@pytest.mark.parametrize(
    ("rects", "min_area", "boxes", "specks"),
    [
        ([], 1, [], 0),
        ([(5, 3, 1, 1)], 1, [Box(5, 3, 1, 1)], 0),
        ([(0, 0, 60, 40)], 20, [Box(0, 0, 60, 40)], 0),
        ([(5, 3, 4, 5), (30, 3, 5, 4)], 20, [Box(5, 3, 4, 5), Box(30, 3, 5, 4)], 0),
        ([(5, 3, 4, 5), (50, 30, 19, 1)], 20, [Box(5, 3, 4, 5)], 1),
        ([(10, 10, 5, 5), (15, 15, 5, 5)], 20, [Box(10, 10, 10, 10)], 0),  # corners touch: one component
    ],
)
def test_boxes(rects: list[tuple[int, int, int, int]], min_area: float, boxes: list[Box], specks: int) -> None:
    assert boxes_from_mask(mask(rects) > 0, min_area) == (boxes, specks)


@given(st.integers(0, 50), st.integers(0, 30), st.integers(1, 10), st.integers(1, 10))
def test_a_rectangle_is_its_own_box(x: int, y: int, width: int, height: int) -> None:
    found, _ = boxes_from_mask(mask([(x, y, width, height)]) > 0, 1)
    assert found == [Box(x, y, width, height)]


def test_mask_of_another_size_is_resized_with_a_note(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "m.png", [(20, 10, 40, 30)], 120, 80)
    pixels, note = read_mask(path, (60, 40))
    assert pixels.shape == (40, 60)
    assert note is not None
    assert "120 x 80" in note
    assert boxes_from_mask(foreground(pixels))[0] == [Box(10, 5, 20, 15)]


def test_unreadable_masks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="missing"):
        read_mask(tmp_path / "none.png", (60, 40))
    broken = tmp_path / "broken.png"
    broken.write_bytes(write_mask(tmp_path / "m.png", [(1, 1, 30, 30)]).read_bytes()[:60])
    with pytest.raises(UnreadableImage, match="decoded"):
        read_mask(broken, (60, 40))


def test_jpeg_fringes_are_background() -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    pixels[1] = 20
    pixels[2] = 250
    assert foreground(pixels).sum() == 4
