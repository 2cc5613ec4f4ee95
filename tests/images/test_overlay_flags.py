"""Colour, calipers and text, on made-up speckle and on a few real frames."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from usnet.images import read
from usnet.images.calipers import caliper_marks
from usnet.images.flags import is_colour, overlay_flags
from usnet.images.lettering import text_lines


def speckle(seed: int, height: int = 400, width: int = 400, level: float = 60.0) -> np.ndarray:
    """Rayleigh speckle with streaks along the rows, brighter on top."""
    noise = np.random.default_rng(seed).rayleigh(1.0, (height, width))
    smooth = ndimage.gaussian_filter(noise, (1.0, 2.0))
    depth = np.linspace(1.3, 0.5, height)[:, None]
    return np.clip(level * depth * smooth / smooth.mean(), 0, 255).astype(np.uint8)


def marked(seed: int, *shapes: tuple[int, int, str], value: int = 230, arm: int = 5) -> np.ndarray:
    image = Image.fromarray(speckle(seed))
    pen = ImageDraw.Draw(image)
    for x, y, kind in shapes:
        if kind == "+":
            pen.line((x - arm, y, x + arm, y), fill=value)
            pen.line((x, y - arm, x, y + arm), fill=value)
        else:
            pen.line((x - arm, y - arm, x + arm, y + arm), fill=value)
            pen.line((x - arm, y + arm, x + arm, y - arm), fill=value)
    return np.asarray(image)


def written(seed: int, text: str, x: int = 60, y: int = 300, size: int = 14, value: int = 220) -> np.ndarray:
    from PIL import ImageFont

    image = Image.fromarray(speckle(seed))
    ImageDraw.Draw(image).text((x, y), text, fill=value, font=ImageFont.load_default(size))
    return np.asarray(image)


@pytest.mark.parametrize("seed", range(10))
def test_speckle_alone_has_no_flags(seed: int) -> None:
    assert overlay_flags(speckle(seed)) == frozenset()


@pytest.mark.parametrize("kind", ["+", "x"])
def test_marks_are_found_where_they_are(kind: str) -> None:
    image = marked(3, (120, 90, kind), (260, 210, kind))
    assert overlay_flags(image) == {"calipers"}
    found = caliper_marks(image, np.zeros((0, 4), np.intp)).tolist()
    for centre in ([120, 90], [260, 210]):
        assert min(max(abs(a - b) for a, b in zip(mark, centre, strict=True)) for mark in found) <= 1


@pytest.mark.parametrize("text", ["RIGHT BREAST", "LT AXILLA", "12.4mm", "MAMA ESQ"])
def test_words_and_readouts_are_text_and_no_calipers(text: str) -> None:
    image = written(5, text)
    assert overlay_flags(image) == {"text"}
    x0, y0, x1, y1 = text_lines(image)[0]
    assert 55 <= x0 < x1 <= 60 + 14 * len(text)
    assert 296 <= y0 < y1 <= 320


def test_large_frames_are_looked_at_in_the_working_size() -> None:
    image = Image.fromarray(written(5, "RIGHT BREAST")).resize((1200, 1200), Image.Resampling.BICUBIC)
    assert "text" in overlay_flags(np.asarray(image))


def test_a_page_of_letters_takes_little_memory() -> None:
    page = np.zeros((640, 640), dtype=np.uint8)
    page[np.ix_(np.arange(640) % 8 < 6, np.arange(640) % 5 < 2)] = (
        255  # ten thousand shapes, each level with 127 others
    )
    tracemalloc.start()
    try:
        lines = text_lines(page)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(lines) >= 80
    assert peak < 100 * 2**20


def test_tiny_and_flat_frames_have_no_flags() -> None:
    assert overlay_flags(np.zeros((8, 400), np.uint8)) == frozenset()
    assert overlay_flags(np.full((300, 300), 255, np.uint8)) == frozenset()


def doppler(share: float) -> np.ndarray:
    rgb = np.repeat(speckle(1)[..., None], 3, axis=2)
    side = round((share * rgb.shape[0] * rgb.shape[1]) ** 0.5)
    rgb[100 : 100 + side, 100 : 100 + side] = (200, 40, 30)
    return rgb


@pytest.mark.parametrize(("share", "expected"), [(0.0, False), (0.001, False), (0.01, True), (0.2, True)])
def test_colour_by_share(share: float, expected: bool) -> None:
    assert is_colour(doppler(share)) is expected


def test_a_sepia_tint_is_not_colour() -> None:
    grey = speckle(2, level=120.0).astype(float)
    assert not is_colour(np.stack([grey, grey * 0.85, grey * 0.65], axis=2).astype(np.uint8))


KNOWN = {
    "BUSBRA/Images/bus_0157-l.png": {"text", "calipers"},
    "BUSBRA/Images/bus_0140-l.png": {"text"},
    "BUSBRA/Images/bus_0283-r.png": {"calipers"},
    "BUSBRA/Images/bus_0073-r.png": set(),
    "BUSBRA/Images/bus_0236-l.png": set(),
    "Dataset_BUSI_with_GT/benign/benign (300).png": {"text", "calipers"},
    "Dataset_BUSI_with_GT/benign/benign (303).png": {"calipers"},
    "Dataset_BUSI_with_GT/malignant/malignant (109).png": {"text"},
    "Dataset_BUSI_with_GT/normal/normal (66).png": set(),
    "BrEaST/BrEaST-Lesions_USG-images_and_masks/case018.png": set(),
    "BrEaST/BrEaST-Lesions_USG-images_and_masks/case207.png": set(),
}


@pytest.mark.reference
@pytest.mark.parametrize("name", KNOWN)
def test_real_frames(shared: Path, name: str) -> None:
    path = shared / "data" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    assert read(path).flags == KNOWN[name]
