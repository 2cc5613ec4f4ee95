"""The second look's network: size, cost, what it exports, where it may start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from usnet.errors import BundleError  # noqa: E402
from usnet.models.config import NetworkConfig  # noqa: E402
from usnet.models.cost import multiply_accumulates, parameters  # noqa: E402
from usnet.models.network import USNet  # noqa: E402
from usnet.models.onnx_export import ExportDisagrees, check_parity, exported  # noqa: E402
from usnet.models.second_look import BIRADS_STEPS, SecondLookConfig, SecondLookNetwork, Served  # noqa: E402
from usnet.models.weights import initialise, to_bytes  # noqa: E402
from usnet.training.config import read_config  # noqa: E402
from usnet.training.second_look.config import LookRunConfig  # noqa: E402

pytestmark = pytest.mark.train
CONFIG = SecondLookConfig(size=64)
SHIPPED = Path(__file__).parents[2] / "configs" / "second-look.toml"


def crops(count: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(count).random((count, 2, size, size), dtype=np.float32)


def test_the_shipped_configuration_stays_small() -> None:
    config = read_config(LookRunConfig, SHIPPED).network
    network = SecondLookNetwork(config)
    assert 1e6 <= parameters(network) <= 3e6
    assert multiply_accumulates(network, config.size, channels=2) <= 1e9


def test_one_logit_for_malignancy_and_one_a_step_of_birads() -> None:
    network = SecondLookNetwork(CONFIG).eval()
    inputs = torch.from_numpy(crops(3))
    assert network(inputs).shape == (3, 1 + len(BIRADS_STEPS))
    assert Served([network])(inputs).tolist() == network(inputs)[:, 0].tolist()


def test_several_networks_speak_with_the_mean_of_their_logits() -> None:
    torch.manual_seed(0)
    networks = [SecondLookNetwork(CONFIG).eval() for _ in range(3)]
    inputs = torch.from_numpy(crops(2))
    expected = sum(network(inputs)[:, 0] for network in networks) / 3
    assert torch.allclose(Served(networks)(inputs), expected, atol=1e-6)


def test_onnx_says_what_torch_says_for_any_batch() -> None:
    torch.manual_seed(0)
    served = Served([SecondLookNetwork(CONFIG)])
    content = exported(served, torch.zeros(2, 2, 64, 64), "crops", ["malignancy"])
    for count in (1, 2, 5):
        assert check_parity(served, content, crops(count)) <= 1e-4
    other = Served([SecondLookNetwork(CONFIG)])
    with pytest.raises(ExportDisagrees):
        check_parity(other, content, crops(2), tolerance=1e-7)


def test_it_starts_from_a_detectors_backbone(tmp_path: Path) -> None:
    detector = USNet(NetworkConfig(backbone="resnet18", last_stage="dropped", pyramid_channels=8, head_channels=8))
    path = tmp_path / "weights.safetensors"
    path.write_bytes(to_bytes(detector))
    network = SecondLookNetwork(CONFIG)
    left = initialise(network, path)
    assert left == ["head.bias", "head.weight"]
    stem = network.backbone.conv1.weight
    assert torch.equal(stem[:, :1], detector.backbone.conv1.weight)
    assert not stem[:, 1:].any()  # the box's map says nothing at first
    image = torch.rand(2, 1, 64, 64)
    both = torch.cat([image, torch.rand(2, 1, 64, 64)], dim=1)
    expected = detector.backbone.eval()(image)[-1]
    assert torch.allclose(network.backbone.eval()(both)[-1], expected, atol=1e-5)


def test_another_backbones_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(to_bytes(SecondLookNetwork(CONFIG)))
    deeper = SecondLookNetwork(SecondLookConfig(size=64, backbone="resnet34"))
    initialise(deeper, path)  # the same shapes: only further blocks are left
    with pytest.raises(BundleError, match=r"conv1\.weight is"):
        initialise(USNet(NetworkConfig(backbone="resnet50", pyramid_channels=8, head_channels=8)), path)
