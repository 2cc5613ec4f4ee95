"""Engines behind one call."""

from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from helpers.tiny_bundle import SPEC, dark_spots, tiny_bundle, tiny_model
from helpers.tiny_look import look_bundle
from usnet.bundles import load
from usnet.diagnosis.engine import open_engine, open_network
from usnet.diagnosis.selftest import selftest
from usnet.errors import BundleError, ConfigError, MissingExtra

BATCH = np.stack([dark_spots(), dark_spots(((60, 60),))])[:, None].astype(np.float32) / 255


def test_shapes_and_description(tmp_path: Path) -> None:
    engine = open_engine(load(tiny_bundle(tmp_path / "b")), threads=1)
    logits, deltas = engine.run(BATCH)
    assert logits.shape == (2, SPEC.total, 2)
    assert deltas.shape == (2, SPEC.total, 4)
    assert logits.dtype == np.float32
    assert engine.description.startswith("onnxruntime ")


def test_openvino_agrees(tmp_path: Path) -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed (extra openvino)")
    bundle = load(tiny_bundle(tmp_path / "b"))
    one, other = open_engine(bundle, "onnxruntime"), open_engine(bundle, "openvino", threads=1)
    for a, b in zip(one.run(BATCH), other.run(BATCH), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)  # the tiny network sums 5,184 products in float32
    assert other.description.endswith("CPU, f32")
    assert "openvino_telemetry" not in sys.modules


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_threads_side_by_side_get_their_own_answers(tmp_path: Path, name: str) -> None:
    if name == "openvino" and importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed (extra openvino)")
    engine = open_engine(load(tiny_bundle(tmp_path / "b")), name, threads=2)
    assert engine.lanes == 2
    together = engine.side_by_side()
    assert together.side_by_side() is together
    inputs = [np.full((1, 1, 256, 256), 0.1 * n, dtype=np.float32) for n in range(8)]
    alone = [engine.run(one) for one in inputs]
    with ThreadPoolExecutor(4) as pool:  # more threads than requests
        for running in (engine, together):
            for a, b in zip(alone, pool.map(running.run, inputs), strict=True):
                np.testing.assert_allclose(a[0], b[0], atol=1e-4)
                np.testing.assert_allclose(a[1], b[1], atol=1e-4)


@pytest.mark.parametrize("library", ["onnxruntime", "openvino"])
def test_second_looks_side_by_side(tmp_path: Path, library: str) -> None:
    if library == "openvino" and importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed (extra openvino)")
    network = open_network(load(look_bundle(tmp_path / "b")), "second_look.onnx", library, "f32", threads=2)
    together = network.side_by_side()
    assert together is not network
    assert together is network.side_by_side()
    assert together is together.side_by_side()
    crops = [np.stack([np.full((32, 32), 0.1 * n), np.ones((32, 32))])[None].astype(np.float32) for n in range(8)]
    alone = [network.run(one) for one in crops]
    assert len({float(value[0]) for value in alone}) == len(crops)
    with ThreadPoolExecutor(4) as pool:
        for a, b in zip(alone, pool.map(together.run, crops), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_one_thread_is_not_arranged_for_several(tmp_path: Path) -> None:
    engine = open_engine(load(tiny_bundle(tmp_path / "b")), "onnxruntime", threads=1)
    assert engine.side_by_side() is engine


def test_openvino_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"usnet\[openvino\]"):
        open_engine(load(tiny_bundle(tmp_path / "b")), "openvino")


def test_unknown_engine(tmp_path: Path) -> None:
    bundle = load(tiny_bundle(tmp_path / "b"))
    with pytest.raises(ConfigError, match="auto, onnxruntime, openvino"):
        open_engine(bundle, "tensorrt")
    with pytest.raises(ConfigError, match="0 threads"):
        open_engine(bundle, threads=0)


def test_models_that_do_not_fit(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    with pytest.raises(BundleError, match="cannot be loaded") as caught:
        open_engine(load(tiny_bundle(tmp_path / "a", model=b"no network")))
    assert "\n" not in str(caught.value)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    with pytest.raises(BundleError, match="takes x and gives y; expected input image, outputs logits and deltas"):
        open_engine(load(tiny_bundle(tmp_path / "b", model=model.SerializeToString())))


def test_selftest(tmp_path: Path) -> None:
    assert "batches agree" in selftest(load(tiny_bundle(tmp_path / "good")))
    bad = load(tiny_bundle(tmp_path / "bad", model=tiny_model(bias=float("inf"))))
    with pytest.raises(BundleError, match="not finite"):
        selftest(bad)
