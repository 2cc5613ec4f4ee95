"""Augmentation: boxes follow the pixels, draws depend on seed, epoch and position alone."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from usnet.training.augment import Draw, augment, draw, visible  # noqa: E402
from usnet.training.config import AugmentConfig  # noqa: E402

pytestmark = pytest.mark.train

STILL = Draw(False, False, 0, 1.0, (0.0, 0.0), 0.0, 1.0, (0.0, 0.0, 0.0), 0.0, 0.0, (), 0)


def changed(**changes: object) -> Draw:
    values = {name: getattr(STILL, name) for name in Draw.__dataclass_fields__}
    return Draw(**(values | changes))


def picture(box: tuple[int, int, int, int], size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.full((1, 1, size, size), 0.1)
    x0, y0, x1, y1 = box
    pixels[0, 0, y0:y1, x0:x1] = 0.9
    return pixels, torch.tensor([[box]], dtype=torch.float32)


def extent(pixels: torch.Tensor) -> list[float]:
    rows, columns = np.nonzero(pixels[0, 0].numpy() > 0.5)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [8, 20, 24, 28]),
        ({"flip_x": True}, [40, 20, 56, 28]),
        ({"flip_y": True}, [8, 36, 24, 44]),
        ({"quarter": 2}, [40, 36, 56, 44]),
        ({"shift": (0.125, 0.0)}, [0, 20, 16, 28]),
    ],
)
def test_where_a_box_goes(change: dict[str, object], expected: list[float]) -> None:
    pixels, boxes = picture((8, 20, 24, 28))
    moved, after = augment(pixels, boxes, [changed(**change)])
    assert after[0, 0].tolist() == pytest.approx(expected, abs=1e-3)
    assert extent(moved) == pytest.approx(expected, abs=0.51)


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(4, 40), y=st.integers(4, 40), width=st.integers(6, 20), height=st.integers(6, 20),
    flip_x=st.booleans(), flip_y=st.booleans(), quarter=st.integers(0, 3),
    zoom=st.floats(0.75, 1.25), sx=st.floats(-0.1, 0.1), sy=st.floats(-0.1, 0.1),
)  # fmt: skip
def test_boxes_follow_pixels(
    x: int, y: int, width: int, height: int, flip_x: bool, flip_y: bool, quarter: int, zoom: float, sx: float, sy: float
) -> None:
    pixels, boxes = picture((x, y, x + width, y + height))
    change = changed(flip_x=flip_x, flip_y=flip_y, quarter=quarter, zoom=zoom, shift=(sx, sy))
    moved, after = augment(pixels, boxes, [change])
    box = after[0, 0]
    if (box[2:] - box[:2]).min() < 3:
        return
    assert extent(moved) == pytest.approx(box.tolist(), abs=1.6)


def test_a_box_pushed_out_is_not_visible() -> None:
    pixels, boxes = picture((0, 20, 10, 30))
    moved = changed(shift=(0.12, 0.0))
    _, after = augment(pixels, boxes, [moved])
    assert not visible(boxes, after, [moved]).any()
    assert visible(boxes, boxes, [STILL]).all()


def test_nothing_drawn_changes_nothing() -> None:
    pixels = torch.rand(2, 1, 32, 32) * 0.9 + 0.05
    after, _ = augment(pixels, torch.zeros(2, 1, 4), [STILL, STILL])
    assert torch.allclose(after, pixels, atol=1e-5)


def test_the_letterbox_stays_black_and_pixels_stay_in_range() -> None:
    config = AugmentConfig(
        gain=1, contrast=1, tgc=1, speckle=1, blur=1, calipers=0, scale=0, shift=0, vertical_flip=0, rotate90=0
    )
    pixels = torch.rand(8, 1, 64, 64) * 0.9 + 0.1
    pixels[:, :, :, 48:] = 0
    draws = [draw(config, 0, 0, i) for i in range(8)]
    after, _ = augment(pixels, torch.zeros(8, 1, 4), draws)
    assert after.min() >= 0
    assert after.max() <= 1
    flipped = torch.tensor([d.flip_x for d in draws])
    margin = torch.where(flipped[:, None, None, None], after[..., :14], after[..., 50:])
    assert margin.max() == 0


def test_draws_repeat_and_differ() -> None:
    config = AugmentConfig(calipers=1.0)
    assert draw(config, 1, 2, 3) == draw(config, 1, 2, 3)
    assert len({draw(config, 1, e, p).zoom for e in range(3) for p in range(3)}) == 9


def test_an_image_is_augmented_alike_in_any_batch() -> None:
    config = AugmentConfig(gain=1, speckle=1, blur=1, calipers=1, tgc=1)
    pixels, boxes = torch.rand(4, 1, 32, 32), torch.rand(4, 1, 4)
    draws = [draw(config, 0, 0, i) for i in range(4)]
    whole, _ = augment(pixels, boxes, draws)
    alone, _ = augment(pixels[2:3], boxes[2:3], draws[2:3])
    assert torch.allclose(whole[2], alone[0], atol=1e-6)
