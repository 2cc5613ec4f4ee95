"""ONNX says what torch says; weight files load, or say why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import usnet  # noqa: E402
from usnet.anchors import AnchorSpec  # noqa: E402
from usnet.bundles.decode import candidates  # noqa: E402
from usnet.bundles.manifest import Postprocessing  # noqa: E402
from usnet.errors import BundleError  # noqa: E402
from usnet.models.config import NetworkConfig  # noqa: E402
from usnet.models.network import USNet  # noqa: E402
from usnet.models.onnx_export import INPUT, OUTPUTS, ExportDisagrees, check_parity, to_onnx  # noqa: E402
from usnet.models.weights import initialise, to_bytes  # noqa: E402

pytestmark = pytest.mark.train

SPEC = AnchorSpec(image_size=64, sizes=(8.0, 16.0, 32.0))
CONFIG = NetworkConfig(
    backbone="resnet18", last_stage="dropped", pyramid_channels=16, head_channels=16, head_depth=1, anchors=SPEC
)


@pytest.fixture(scope="module")
def exported() -> tuple[USNet, bytes]:
    torch.manual_seed(0)
    network = USNet(CONFIG).eval()
    return network, to_onnx(network)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_heads_agree_for_any_batch(exported: tuple[USNet, bytes], batch: int) -> None:
    network, content = exported
    pictures = np.random.default_rng(batch).random((batch, 1, 64, 64), dtype=np.float32)
    assert check_parity(network, content, pictures, 1e-4) <= 1e-4


def test_zero_detections_pass_through(exported: tuple[USNet, bytes]) -> None:
    import onnxruntime

    _, content = exported
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    logits, deltas = session.run(list(OUTPUTS), {INPUT: np.zeros((1, 1, 64, 64), np.float32)})
    found = candidates(logits[0], deltas[0], SPEC, Postprocessing(min_score=0.99))
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_no_path_of_the_exporting_machine_is_in_the_file(exported: tuple[USNet, bytes]) -> None:
    _, content = exported
    assert str(Path(usnet.__file__).parent).encode() not in content
    assert b"stack_trace" not in content


def test_another_network_is_noticed(exported: tuple[USNet, bytes]) -> None:
    _, content = exported
    torch.manual_seed(1)
    with pytest.raises(ExportDisagrees, match="differ by"):
        check_parity(USNet(CONFIG), content, np.random.default_rng(0).random((1, 1, 64, 64), dtype=np.float32))


def test_torchvision_weights_start_the_backbone(tmp_path: Path) -> None:
    import torchvision

    torch.manual_seed(2)
    colour = torchvision.models.resnet18(weights=None).state_dict()
    torch.save(colour, tmp_path / "resnet18.pth")
    network = USNet(CONFIG)
    untouched = initialise(network, tmp_path / "resnet18.pth")
    assert torch.allclose(network.backbone.conv1.weight, colour["conv1.weight"].sum(dim=1, keepdim=True))
    assert torch.equal(network.backbone.layer3[1].conv2.weight, colour["layer3.1.conv2.weight"])
    assert untouched
    assert all(not name.startswith("backbone.") for name in untouched)


def test_own_weights_come_back(tmp_path: Path) -> None:
    torch.manual_seed(3)
    first, second = USNet(CONFIG), USNet(CONFIG)
    (tmp_path / "w.safetensors").write_bytes(to_bytes(first))
    assert initialise(second, tmp_path / "w.safetensors") == []
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layer1.0.conv1.weight": torch.zeros(3, 3, 3, 3)}, "Is it the same backbone"),
        ({"something.else": torch.zeros(3)}, "no tensor has a name"),
        ({"conv1.weight": "text"}, "other things than tensors"),
        (None, "not readable as weights"),
    ],
)
def test_wrong_weight_files_are_named(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "weights.pth"
    if content is None:
        path.write_text("no weights")
    else:
        torch.save(content, path)
    with pytest.raises(BundleError, match=message) as caught:
        initialise(USNet(CONFIG), path)
    assert "weights.pth" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such file"):
        initialise(USNet(CONFIG), tmp_path / "none.safetensors")
