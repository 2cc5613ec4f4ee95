"""Overlay pictures and where their tags go."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from helpers.made_up import diagnosis, finding, frame
from usnet.reports.overlay import draw_overlay, save_overlay, without_text
from usnet.reports.style import COLOURS
from usnet.reports.tags import place_tags
from usnet.values import Box

CANVAS = Box(0, 0, 400, 300)
COORDINATE = st.floats(0, 1)


def inside(x: float, y: float, w: float, h: float) -> Box:
    return Box(x * 350, y * 250, 5 + w * (395 - x * 350), 5 + h * (295 - y * 250)).clipped(400, 300)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.builds(inside, *[COORDINATE] * 4), max_size=5))
def test_tags_touch_no_box_and_no_other_tag(boxes: list[Box]) -> None:
    places = place_tags(boxes, [(30, 14)] * len(boxes), CANVAS, gap=1, drawn=2)
    assert len(places) == len(boxes)
    found = [place for place in places if place is not None]
    assert all(place.intersection(box) == 0 for place in found for box in boxes)
    assert all(a.intersection(b) == 0 for a, b in combinations(found, 2))
    assert all(place.clipped(400, 300).as_list() == pytest.approx(place.as_list()) for place in found)


@pytest.mark.parametrize(
    ("box", "corner"),
    [
        (Box(100, 100, 50, 50), (100, 85)),  # above
        (Box(100, 5, 50, 50), (100, 56)),  # below
        (Box(380, 100, 20, 50), (370, 85)),  # pushed in from the right
        (Box(100, 0, 50, 300), (151, 0)),  # beside
    ],
)
def test_a_tag_stands_at_its_box(box: Box, corner: tuple[float, float]) -> None:
    (place,) = place_tags([box], [(30, 14)], CANVAS, gap=1)
    assert place is not None
    assert (place.x, place.y) == corner


def test_no_room_no_tag() -> None:
    assert place_tags([CANVAS], [(30, 14)], CANVAS, gap=1) == [None]


@pytest.mark.parametrize("size", [(1, 1), (20, 15), (64, 600), (900, 60), (640, 480), (3000, 2000)])
def test_pictures_of_every_size(size: tuple[int, int]) -> None:
    width, height = size
    made = diagnosis(finding((0, 0, width / 2, height / 2)), width=width, height=height)
    picture = draw_overlay(frame(width, height, spacing_mm=(0.1, 0.1)), made)
    assert picture.mode == "RGB"
    assert 560 <= picture.width <= 1800
    assert picture.height <= 2100


def test_the_frame_is_shown_unchanged_inside_a_box() -> None:
    made = diagnosis(finding((200, 150, 300, 200)), finding((20, 30, 100, 80), probability=0.1), width=800, height=600)
    shown = np.asarray(without_text(draw_overlay(frame(800, 600), made)))
    margin = (shown.shape[1] - 800) // 2
    image = shown[margin : margin + 600, margin : margin + 800]
    for f in made.findings:
        x0, y0, x1, y1 = (int(v) for v in f.box.corners)
        np.testing.assert_array_equal(image[y0:y1, x0:x1, 0], frame(800, 600).pixels[y0:y1, x0:x1])
        around = image[y0 - 4 : y1 + 4, x0 - 4 : x1 + 4].reshape(-1, 3)
        assert (around == ImageColor.getrgb(COLOURS[f.label])).all(axis=1).sum() > 100


def test_png_says_where_the_frame_lies(tmp_path: Path) -> None:
    path = save_overlay(frame(), diagnosis(), tmp_path / "a.png")
    with Image.open(path) as image:
        cut = without_text(image)
    assert cut.height < Image.open(path).height
    plain = Image.new("RGB", (5, 5))
    assert without_text(plain) is plain
