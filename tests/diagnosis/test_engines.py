"""Every engine says the same as torch, and a precision below float32 needs a licence."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from helpers.tiny_bundle import tiny_bundle, tiny_model
from usnet.bundles import Bundle, load, shipped, write
from usnet.bundles.manifest import LowerPrecision
from usnet.bundles.storage import MODEL
from usnet.cli.engines import open_chosen
from usnet.diagnosis import Diagnoser
from usnet.diagnosis.engine import choose, open_engine
from usnet.errors import BundleError, ConfigError
from usnet.phantoms import simulate
from usnet.values import Diagnosis, Frame

PIXELS, PROBABILITY = 0.5, 0.005


def statement(bundle: Bundle, **changes: Any) -> LowerPrecision:
    values: dict[str, Any] = {
        "precision": "int8",
        "engine": "onnxruntime",
        "model_sha256": bundle.identity.sha256,
        "images": 10,
        "ap": 0.70,
        "ap_f32": 0.702,
        "auc": 0.88,
        "auc_f32": 0.881,
    }
    return LowerPrecision(**(values | changes))


def stating(folder: Path, **changes: Any) -> Bundle:
    """The tiny bundle with a statement; its network stands in for its own int8."""
    plain = load(tiny_bundle(folder / "plain"))
    stated = statement(plain, **changes)
    files: dict[str, Path | bytes] = {name: plain.read(name) for name in plain.manifest.files}
    manifest = plain.manifest.model_copy(update={"precisions": (stated,)})
    return load(write(folder / "stating", manifest, files | {stated.file: tiny_model()}))


def test_auto_is_f32_where_nothing_is_stated(tmp_path: Path) -> None:
    choice = choose(load(tiny_bundle(tmp_path / "b")))
    assert (choice.engine, choice.device, choice.precision, choice.file) == ("onnxruntime", "cpu", "f32", MODEL)
    assert "nothing below f32" in choice.reason


def test_auto_takes_what_is_stated(tmp_path: Path) -> None:
    bundle = stating(tmp_path, file="model.int8.onnx")
    choice = choose(bundle)
    assert (choice.precision, choice.file) == ("int8", "model.int8.onnx")
    assert "AP -0.0020, AUC -0.0010 on 10 images" in choice.reason
    assert open_engine(bundle).description.endswith("CPU, int8")
    assert choose(bundle, precision="f32").file == MODEL
    assert choose(bundle, precision="int8").reason.startswith("as asked")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"auc": 0.8}, "differ by more than 0.005"),
        ({"ap": 0.709}, "differ by more than 0.005"),
        ({"model_sha256": "0" * 64}, "of other weights"),
    ],
)
def test_a_statement_that_does_not_hold_is_refused(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    bundle = stating(tmp_path, **changes)
    assert choose(bundle).precision == "f32"
    with pytest.raises(ConfigError, match=complaint):
        choose(bundle, precision="int8")


def test_no_statement_no_precision(tmp_path: Path) -> None:
    bundle = stating(tmp_path)
    with pytest.raises(ConfigError, match="bf16 on cpu was not measured"):
        choose(bundle, precision="bf16")
    with pytest.raises(ConfigError, match="no precision 'int4'; expected one of auto, f32, bf16, int8"):
        choose(bundle, precision="int4")
    if importlib.util.find_spec("openvino") is not None:
        with pytest.raises(ConfigError, match="int8 on cpu by openvino was not measured"):
            choose(bundle, "openvino", precision="int8")


def test_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = stating(tmp_path)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError, match="has only CPUExecutionProvider; expected CUDAExecutionProvider"):
        choose(bundle, device="cuda")
    with pytest.raises(ConfigError, match="no device 'tpu'"):
        choose(bundle, device="tpu")
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    assert choose(bundle).device == "cuda"
    assert choose(bundle).precision == "f32"
    assert choose(bundle, device="cpu").precision == "int8"
    with pytest.raises(ConfigError, match="int8 on cuda was not measured"):
        choose(bundle, device="cuda", precision="int8")


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_device_that_does_not_start_gives_way_only_to_auto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is a CUDA device here")
    bundle = load(tiny_bundle(tmp_path / "b"))
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    engine = open_engine(bundle)
    assert engine.description.endswith("CPU, f32")
    assert "cuda did not start" in engine.reason
    with pytest.raises(ConfigError, match="could not start cuda"):
        open_engine(bundle, device="cuda")


def test_torch_refuses_what_it_cannot(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    bundle = load(tiny_bundle(tmp_path / "b"))
    with pytest.raises(BundleError, match="does not say which network"):
        open_chosen(bundle, "torch")
    with pytest.raises(ConfigError, match="int8 by torch was not measured"):
        open_chosen(bundle, "torch", precision="int8")
    with pytest.raises(ConfigError, match="torch on coreml"):
        open_chosen(bundle, "torch", "coreml")
    with pytest.raises(ConfigError, match="expected one of auto, onnxruntime, openvino, torch"):
        open_chosen(bundle, "tensorrt")


@cache
def frames() -> tuple[Frame, ...]:
    """Six phantoms and a frame that shows nothing, which must give no finding."""
    pixels = [np.asarray(simulate(seed).pixels) for seed in range(6)]
    pixels.append(np.full((200, 300), 90, dtype=np.uint8))
    return tuple(Frame(p, f"frame {i}", str(i)) for i, p in enumerate(pixels))


@cache
def opinions(engine: str, batch: int) -> list[Diagnosis]:
    """What an engine says of all frames, ``batch`` at a time."""
    bundle = load()
    threads = None if engine == "torch" else 1  # torch's number is the whole process's
    running = open_chosen(bundle, engine, precision="f32", device="cpu", threads=threads)
    diagnoser = Diagnoser(bundle, engine=running, gate=False)
    prepared = [diagnoser.preparer.first(frame) for frame in frames()]
    found: list[Diagnosis] = []
    for start in range(0, len(prepared), batch):
        found += [r[1] for r in diagnoser._straight([*prepared[start : start + batch]]) if isinstance(r, tuple)]
    return found


@pytest.mark.train
@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_findings_are_those_of_torch(engine: str, batch: int) -> None:
    pytest.importorskip("torch")
    if not shipped():
        pytest.skip("no model is shipped with this checkout")
    if engine == "openvino" and importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed (extra openvino)")
    expected, found = opinions("torch", 1), opinions(engine, batch)
    assert len(found) == len(frames())
    assert any(d.findings for d in expected)
    assert not expected[-1].findings
    for a, b in zip(expected, found, strict=True):
        assert (a.label, len(a.findings)) == (b.label, len(b.findings))
        np.testing.assert_allclose(
            [a.p_benign, a.p_malignant, a.p_normal], [b.p_benign, b.p_malignant, b.p_normal], atol=PROBABILITY
        )
        for one, other in zip(a.findings, b.findings, strict=True):
            np.testing.assert_allclose(one.box.corners, other.box.corners, atol=PIXELS)
            assert one.probability == pytest.approx(other.probability, abs=PROBABILITY)
            assert one.score == pytest.approx(other.score, abs=PROBABILITY)
