"""The network's shapes, sizes and order of anchors."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from usnet.anchors import AnchorSpec, anchor_boxes  # noqa: E402
from usnet.models.config import NetworkConfig  # noqa: E402
from usnet.models.cost import multiply_accumulates, parameters  # noqa: E402
from usnet.models.network import Head, USNet  # noqa: E402
from usnet.training.config import load_config  # noqa: E402

pytestmark = pytest.mark.train

SMALL = AnchorSpec(image_size=64, sizes=(8.0, 16.0, 32.0))


def small(**changes: object) -> NetworkConfig:
    settings = {
        "backbone": "resnet18",
        "last_stage": "dropped",
        "pyramid_channels": 16,
        "head_channels": 16,
        "anchors": SMALL,
    }
    return NetworkConfig(**(settings | changes))


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50"])
@pytest.mark.parametrize("last_stage", ["dropped", "dilated"])
def test_maps_stand_at_strides_4_8_16(backbone: str, last_stage: str) -> None:
    network = USNet(small(backbone=backbone, last_stage=last_stage)).eval()
    maps = network.backbone(torch.zeros(1, 1, 64, 64))
    assert [m.shape[-1] for m in maps] == [16, 8, 4]
    assert [m.shape[1] for m in maps] == network.backbone.channels


def test_paper_has_maps_of_64_32_16() -> None:
    network = USNet(load_config("configs/paper.toml").network).eval()
    with torch.inference_mode():
        maps = network.backbone(torch.zeros(1, 1, 256, 256))
    assert [tuple(m.shape[-2:]) for m in maps] == [(64, 64), (32, 32), (16, 16)]


def test_heads_cover_every_anchor() -> None:
    logits, deltas = USNet(small())(torch.zeros(2, 1, 64, 64))
    assert logits.shape == (2, SMALL.total, 2)
    assert deltas.shape == (2, SMALL.total, 4)


def test_initial_scores_are_the_prior() -> None:
    logits, _ = USNet(small(prior=0.01)).eval()(torch.rand(1, 1, 64, 64))
    assert torch.sigmoid(logits).mean().item() == pytest.approx(0.01, rel=0.5)


def test_outputs_follow_the_order_of_the_anchors() -> None:
    """A bright pixel in one cell of one level must move the outputs of that cell's anchors and no others."""
    head = Head(small(head_depth=1), outputs=2).eval()
    levels = [torch.zeros(1, 16, 64 // s, 64 // s) for s in SMALL.strides]
    base = head(levels)
    row, column = 3, 5
    levels[1][0, :, row, column] = 10.0
    moved = (head(levels) - base).abs().sum(dim=-1)[0].detach().numpy()
    anchors = anchor_boxes(SMALL)[moved > 1e-4]
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    reach = 2 * SMALL.strides[1]  # two 3 x 3 convolutions
    expected = np.array([column + 0.5, row + 0.5]) * SMALL.strides[1]
    assert len(anchors) > 0
    assert np.abs(centres - expected).max() <= reach
    assert np.allclose(centres.mean(axis=0), expected)


def test_fast_keeps_its_promise_of_size() -> None:
    network = USNet(load_config("configs/fast.toml").network)
    assert parameters(network) <= 4e6
    assert multiply_accumulates(network, 256) <= 5e9


def test_group_norm_does_not_depend_on_the_batch() -> None:
    network = USNet(small(norm="group")).train()
    images = torch.rand(3, 1, 64, 64)
    together, _ = network(images)
    alone, _ = network(images[1:2])
    assert torch.allclose(together[1], alone[0], atol=1e-4)


def test_what_is_trained_is_what_is_served() -> None:
    """Batch norm shared by the pyramid's levels would serve a mixture of their statistics: heads must agree in both modes."""
    torch.manual_seed(0)
    network = USNet(small(head_depth=2))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    ramp = torch.linspace(0, 1, 64)[None, None, :, None] * torch.rand(8, 1, 64, 64)
    with torch.no_grad():
        trained = network.train()(ramp)
        served = network.eval()(ramp)
    for a, b in zip(trained, served, strict=True):
        assert (a - b).abs().max() < 0.05 * a.std() + 0.05
