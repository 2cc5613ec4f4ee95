"""Matching and loss: tables, twins of the numpy code, batches without nodules."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from usnet.anchors import AnchorSpec, anchor_boxes  # noqa: E402
from usnet.anchors import encode as encode_numpy  # noqa: E402
from usnet.models.config import LossConfig  # noqa: E402
from usnet.models.loss import detection_loss, focal_loss  # noqa: E402
from usnet.models.matching import PADDING, UNKNOWN, encode, match  # noqa: E402

pytestmark = pytest.mark.train

SPEC = AnchorSpec(image_size=64, sizes=(8.0, 16.0, 32.0))
ANCHORS = torch.from_numpy(anchor_boxes(SPEC).copy())
CONFIG = LossConfig()


def targets_of(boxes: list[list[float]], classes: list[int]):
    return match(ANCHORS, torch.tensor([boxes]).float(), torch.tensor([classes]), SPEC, CONFIG)


def test_code_equals_the_numpy_twin() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 30, (SPEC.total, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 30, (SPEC.total, 2))], axis=1).astype(np.float32)
    twin = encode(torch.from_numpy(boxes)[None], ANCHORS, torch.tensor(SPEC.code_std))[0]
    assert np.allclose(twin.numpy(), encode_numpy(boxes, anchor_boxes(SPEC), SPEC), atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(0, [1.0, 0.0]), (1, [0.0, 1.0])],
    ids=["benign", "malignant"],
)
def test_a_box_that_is_an_anchor_is_positive_with_code_zero(kind: int, expected: list[float]) -> None:
    number = SPEC.total - 20
    targets = targets_of([ANCHORS[number].tolist()], [kind])
    assert targets.positive[0, number] == 1
    assert targets.classes[0, number].tolist() == expected
    assert targets.code[0, number].abs().max() < 1e-5


def test_a_box_that_no_anchor_covers_still_gets_its_best_anchor() -> None:
    targets = targets_of([[2.0, 30.0, 62.0, 36.0]], [1])  # ten times wider than tall
    assert 1 <= targets.positive.sum() <= 8


def test_unknown_pathology_trains_the_box_and_no_class() -> None:
    targets = targets_of([[10.0, 10.0, 30.0, 26.0]], [UNKNOWN])
    positive = targets.positive[0] > 0
    assert positive.any()
    assert targets.class_weight[0, positive].sum() == 0
    assert targets.classes.sum() == 0


def test_padding_changes_nothing() -> None:
    alone = targets_of([[10.0, 10.0, 30.0, 26.0]], [1])
    padded = targets_of([[10.0, 10.0, 30.0, 26.0], [0.0, 0.0, 0.0, 0.0], [3.0, 3.0, 40.0, 40.0]], [1, PADDING, PADDING])
    for name in ("classes", "class_weight", "code", "positive"):
        assert torch.equal(getattr(alone, name), getattr(padded, name)), name


def test_all_normal_batch_has_a_finite_positive_loss_and_no_box_loss() -> None:
    targets = match(ANCHORS, torch.zeros(3, 1, 4), torch.full((3, 1), PADDING), SPEC, CONFIG)
    logits = torch.full((3, SPEC.total, 2), -4.0, requires_grad=True)
    deltas = torch.randn(3, SPEC.total, 4, requires_grad=True)
    losses = detection_loss(logits, deltas, targets, CONFIG)
    assert torch.isfinite(losses["class"])
    assert losses["class"] > 0
    assert losses["box"] == 0
    sum(losses.values()).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0
    assert deltas.grad is None or deltas.grad.abs().sum() == 0


def test_one_normal_image_does_not_outweigh_a_lesion_under_the_batch_normaliser() -> None:
    boxes = torch.tensor([[[10.0, 10.0, 30.0, 26.0]], [[0.0, 0.0, 0.0, 0.0]]])
    targets = match(ANCHORS, boxes, torch.tensor([[1], [PADDING]]), SPEC, CONFIG)
    logits = torch.full((2, SPEC.total, 2), -3.0, requires_grad=True)
    deltas = torch.zeros(2, SPEC.total, 4)
    share = {}
    for normaliser in ("batch", "image"):
        logits.grad = None
        detection_loss(logits, deltas, targets, LossConfig(normaliser=normaliser))["class"].backward()
        background = targets.positive == 0
        share[normaliser] = logits.grad[1][background[1]].abs().sum() / logits.grad[0][background[0]].abs().sum()
    assert share["batch"] == pytest.approx(1, rel=0.1)
    assert share["image"] > 5


def test_focal_loss_at_gamma_0_is_cross_entropy() -> None:
    logits, truth = torch.randn(50), (torch.rand(50) > 0.5).float()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    assert torch.allclose(focal_loss(logits, truth, 0.0, None), plain)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 3.0, 5.0])
def test_focal_loss_equals_its_equation(gamma: float) -> None:
    logits = torch.linspace(-4, 4, 41)
    p = torch.sigmoid(logits)
    assert torch.allclose(
        focal_loss(logits, torch.ones(41), gamma, 0.25), -0.25 * (1 - p) ** gamma * p.log(), atol=1e-6
    )
    assert torch.allclose(focal_loss(logits, torch.zeros(41), gamma, 0.25), -0.75 * p**gamma * (1 - p).log(), atol=1e-6)
