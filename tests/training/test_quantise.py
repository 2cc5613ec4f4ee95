"""int8: which parts it takes, and that accuracy decides."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_bundle import dark_spots, tiny_bundle, tiny_model
from helpers.tiny_look import look_bundle
from usnet.bundles import Bundle, load
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.diagnosis import Diagnoser
from usnet.diagnosis.engine import Engine, open_engine
from usnet.errors import DataError
from usnet.values import Box, Nodule

pytest.importorskip("onnx")
pytest.importorskip("faster_coco_eval")

from usnet.training.quantise import run
from usnet.training.quantise.graph import folded, nodes_of, to_int8

SPOTS = ((60, 60), (124, 124), (180, 100), (100, 180))


def spotted(folder: Path) -> Dataset:
    """Bright and dark spots, benign and malignant, half of them in split train and half in val."""
    (folder / "images").mkdir(parents=True)
    records = []
    for number in range(16):
        x, y = SPOTS[number % 4]
        malignant = number % 2 == 1
        picture = dark_spots(((x, y),), (10 if malignant else 70,))
        Image.fromarray(picture).save(folder / "images" / f"{number}.png")
        kind = "malignant" if malignant else "benign"
        nodule = Nodule(Box(x - 24, y - 24, 48, 48), kind)
        split = "val" if number % 8 >= 4 else "train"
        records.append(ImageRecord(number + 1, f"{number}.png", 256, 256, kind, (nodule,), f"p{number}", split=split))
    dataset = Dataset(folder, "spots", tuple(records))
    save(dataset)
    return dataset


def inputs() -> list[np.ndarray]:
    return [dark_spots((spot,))[None, None].astype(np.float32) / 255 for spot in SPOTS]


def test_parts_of_a_graph() -> None:
    import onnx

    graph = tiny_model()
    convolutions = {n.name or n.output[0] for n in onnx.load_from_string(graph).graph.node if n.op_type == "Conv"}
    named = folded(graph)
    assert len(nodes_of(named, ("outputs",))) == len(convolutions)
    assert len(nodes_of(named, ("stem",))) == 1
    assert nodes_of(named, ()) == set()


def test_int8_is_near_and_what_is_kept_is_exact(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    graph = folded(tiny_model())
    feed = {"image": inputs()[0]}
    plain = onnxruntime.InferenceSession(graph).run(["logits"], feed)[0]
    for kept, exact in (((), False), (("outputs",), True)):
        content = to_int8(graph, inputs(), kept)
        kinds = Counter(node.op_type for node in onnx.load_from_string(content).graph.node)
        assert (kinds["QuantizeLinear"] == 0) == exact
        found = onnxruntime.InferenceSession(content).run(["logits"], feed)[0]
        difference = float(np.abs(found - plain).max())
        assert (difference == 0) == exact
        assert difference < 0.5


def test_a_bundle_that_agrees_states_it(tmp_path: Path) -> None:
    bundle, told = load(tiny_bundle(tmp_path / "b")), list[str]()
    out = load(run.lower(bundle, [spotted(tmp_path / "data")], tmp_path / "out", tell=told.append))
    (stated,) = out.manifest.precisions
    assert (stated.precision, stated.engine, stated.file) == ("int8", "onnxruntime", run.INT8)
    assert stated.model_sha256 == bundle.identity.sha256 == out.identity.sha256
    assert stated.images == 8
    assert stated.agrees
    assert stated.kept_f32 == ("outputs",)
    assert open_engine(out).description.endswith("int8")
    assert len(told) == 2


def test_the_second_look_goes_below_float32_with_the_detector(tmp_path: Path) -> None:
    bundle = load(look_bundle(tmp_path / "b"))
    out = load(run.lower(bundle, [spotted(tmp_path / "data")], tmp_path / "out", tell=lambda _: None))
    (stated,) = out.manifest.precisions
    assert stated.model_sha256 == bundle.identity.sha256 == out.identity.sha256
    assert stated.second_look == run.LOOK_INT8
    low, full = Diagnoser(out), Diagnoser(out, precision="f32")
    assert low.engine.second_look == run.LOOK_INT8
    assert full.engine.second_look is None
    (a,), (b,) = (d.diagnose(dark_spots()).findings for d in (low, full))
    assert a.probability == pytest.approx(b.probability, abs=0.05)
    again = load(run.lower(out, [spotted(tmp_path / "more")], tmp_path / "again", tell=lambda _: None))
    assert len(again.manifest.precisions) == 1


def test_a_second_look_that_costs_accuracy_stays_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def worse(bundle: Bundle, dataset: Dataset, engine: Engine) -> run.Accuracy:
        return run.Accuracy(0.8, 0.9 if engine.second_look is None else 0.89)

    monkeypatch.setattr(run, "accuracy", worse)
    bundle = load(look_bundle(tmp_path / "b"))
    out = load(run.lower(bundle, [spotted(tmp_path / "data")], tmp_path / "out", tell=lambda _: None))
    (stated,) = out.manifest.precisions
    assert (stated.second_look, stated.kept_f32) == (None, ("outputs", "second look"))
    assert run.LOOK_INT8 not in out.manifest.files


def test_a_bundle_that_disagrees_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load(tiny_bundle(tmp_path / "b"))
    asked: list[str] = []

    def worse(bundle: Bundle, dataset: Dataset, engine: Engine) -> run.Accuracy:
        asked.append(engine.description)
        return run.Accuracy(0.8, 0.9 if engine.description.endswith("f32") else 0.89)

    monkeypatch.setattr(run, "accuracy", worse)
    with pytest.raises(run.PrecisionDisagrees, match=r"by more than 0\.005"):
        run.lower(bundle, [spotted(tmp_path / "data")], tmp_path / "out", tell=lambda _: None)
    assert len(asked) == 4  # float32, then every rung of the ladder
    assert not (tmp_path / "out").exists()


def test_splits_are_needed(tmp_path: Path) -> None:
    bundle, data = load(tiny_bundle(tmp_path / "b")), spotted(tmp_path / "data")
    for missing in ("train", "val"):
        left = Dataset(data.root, data.name, tuple(r for r in data.records if r.split != missing))
        with pytest.raises(DataError, match=f"no image in split '{missing}'"):
            run.lower(bundle, [left], tmp_path / "out", tell=lambda _: None)
