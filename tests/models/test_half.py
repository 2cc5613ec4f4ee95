"""Weights rounded to 16 bits: stored in half the room, the same numbers everywhere."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load

from usnet.models.config import NetworkConfig
from usnet.models.half import FEWEST, in_half, round_to_half, store_in_half
from usnet.models.network import USNet
from usnet.models.onnx_export import to_onnx
from usnet.models.weights import to_bytes

pytestmark = pytest.mark.train
CONFIG = NetworkConfig(backbone="resnet18", last_stage="dropped", pyramid_channels=16, head_channels=16)


def outputs(content: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})


def test_only_large_exact_tensors_are_halved() -> None:
    exact = torch.arange(FEWEST).float()
    assert in_half(exact).dtype == torch.float16
    assert in_half(exact[1:]).dtype == torch.float32
    assert in_half(exact + 1e-4).dtype == torch.float32
    assert in_half(exact * 100).dtype == torch.float32  # beyond 65,504
    assert in_half(exact.long()).dtype == torch.int64


def test_rounded_weights_take_half_the_room_and_read_back_as_they_were() -> None:
    network = USNet(CONFIG)
    full = len(to_bytes(network))
    round_to_half(network)
    stored = to_bytes(network)
    assert len(stored) < 0.55 * full
    again = USNet(CONFIG)
    again.load_state_dict(load(stored))
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_the_exported_graph_is_half_as_large_and_says_the_same_to_the_bit() -> None:
    network = USNet(CONFIG).eval()
    full = to_onnx(network)
    round_to_half(network)
    halved = to_onnx(network)
    assert len(halved) < 0.6 * len(full)
    model = onnx.load_from_string(halved)
    onnx.checker.check_model(model)
    inputs = np.random.default_rng(0).random((2, 1, 256, 256), dtype=np.float32)
    with torch.inference_mode():
        expected = [head.numpy() for head in network(torch.from_numpy(inputs))]
    for found, wanted in zip(outputs(halved, inputs), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_storing_changes_no_output() -> None:
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(64, 64)).astype(np.float16).astype(np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 64])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 64])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    before = model.SerializeToString()
    after = store_in_half(onnx.load_from_string(before)).SerializeToString()
    inputs = rng.normal(size=(2, 64)).astype(np.float32)
    assert len(after) < 0.6 * len(before)
    np.testing.assert_array_equal(outputs(after, inputs)[0], outputs(before, inputs)[0])
