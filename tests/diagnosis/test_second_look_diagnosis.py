"""Diagnosis with a second look: what it moves, when it runs, and the opinion on a drawn box."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

import usnet.diagnosis
from helpers.tiny_bundle import dark_spots, tiny_bundle
from helpers.tiny_look import look_bundle, look_model
from usnet.bundles import load
from usnet.bundles.manifest import Postprocessing
from usnet.diagnosis import Diagnoser
from usnet.diagnosis.engine import Engine
from usnet.diagnosis.selftest import selftest
from usnet.errors import BundleError, DataError
from usnet.values import Box, Diagnosis, Frame

TWO = dark_spots(((68, 68), (188, 188)), (10, 70))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Diagnoser:
    return Diagnoser(tiny_bundle(tmp_path_factory.mktemp("plain") / "bundle"))


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Diagnoser:
    return Diagnoser(look_bundle(tmp_path_factory.mktemp("looking") / "bundle"))


def test_it_moves_malignancy_and_leaves_boxes_and_p_normal(plain: Diagnoser, looking: Diagnoser) -> None:
    before, after = plain.diagnose(TWO), looking.diagnose(TWO)
    assert [f.box for f in after.findings] == [f.box for f in before.findings]
    assert [f.score for f in after.findings] == pytest.approx([f.score for f in before.findings])
    assert after.p_normal == pytest.approx(before.p_normal)
    assert after.p_benign + after.p_malignant + after.p_normal == pytest.approx(1)
    assert [f.probability for f in after.findings] != pytest.approx([f.probability for f in before.findings], abs=0.01)


def test_the_probability_is_that_of_the_joined_evidence(plain: Diagnoser, looking: Diagnoser) -> None:
    (before,), (after,) = plain.diagnose(dark_spots()).findings, looking.diagnose(dark_spots()).findings
    log_ratio = np.subtract(*(np.log(s / (1 - s)) for s in reversed(before.class_scores)))
    assert looking.second_look is not None
    (look,) = looking.second_look.logits([(Frame(dark_spots(), "one", ""), after.box)])
    assert look == pytest.approx(4 - 16 * 10 / 255, abs=1.0)  # edges of the spot blend with what is around it
    joined = 0.5 * log_ratio + look - 0.25
    assert after.probability == pytest.approx(1 / (1 + np.exp(-(0.8 * joined - 0.1))), abs=1e-4)


def test_nothing_found_nothing_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = Diagnoser(look_bundle(tmp_path / "deaf", postprocessing=Postprocessing(min_score=0.9)))
    assert deaf.second_look is not None
    monkeypatch.setattr(deaf.second_look, "_network", None)  # running it would fail
    said = deaf.diagnose(np.full((256, 256), 120, dtype=np.uint8))
    assert said.label == "normal"
    assert not said.candidates


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_batches_say_what_single_images_say(looking: Diagnoser, tmp_path: Path, batch_size: int) -> None:
    pictures = [TWO, np.full((256, 256), 120, dtype=np.uint8), dark_spots(), dark_spots(size=(320, 256)), TWO[::-1]]
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).save(paths[-1])
    together = list(looking.stream(paths, batch_size=batch_size))
    for path, found in zip(paths, together, strict=True):
        assert isinstance(found, Diagnosis)
        assert found.p_malignant == pytest.approx(looking.diagnose(path).p_malignant, abs=1e-6)


def test_more_boxes_than_one_run_takes(looking: Diagnoser) -> None:
    assert looking.second_look is not None
    frame = Frame(TWO, "two", "")
    asked = [(frame, Box(x, x, 30, 20)) for x in range(37)]
    together = looking.second_look.logits(asked)
    alone = [looking.second_look.logits([one])[0] for one in asked]
    assert together == pytest.approx(alone, abs=1e-5)
    assert looking.second_look.logits([]).shape == (0,)


def test_a_drawn_box_on_a_finding_says_what_the_finding_says(plain: Diagnoser, looking: Diagnoser) -> None:
    frame = Frame(TWO, "two", "", spacing_mm=(0.1, 0.2))
    for diagnoser in (plain, looking):
        for finding in diagnoser.diagnose(frame).findings:
            drawn = diagnoser.score_box(frame, finding.box)
            assert drawn.score == pytest.approx(finding.score)
            assert drawn.probability == pytest.approx(finding.probability, abs=1e-3)
            assert drawn.label == finding.label
            assert drawn.size_mm == pytest.approx((finding.box.width * 0.2, finding.box.height * 0.1))


def test_a_drawn_box_elsewhere_has_a_low_score_and_its_own_second_look(looking: Diagnoser) -> None:
    frame = Frame(TWO, "two", "")
    found = usnet.diagnosis.score_box(frame, Box(200, 20, 40, 30), looking)
    assert found.score < 0.1
    assert found.box == Box(200, 20, 40, 30)
    assert found.label == "benign"


@pytest.mark.parametrize("box", [Box(300, 300, 20, 20), Box(-50, 10, 50.5, 20), Box(10, 10, 0.4, 20)])
def test_a_box_off_the_frame_is_refused(looking: Diagnoser, box: Box) -> None:
    with pytest.raises(DataError, match="not on the frame"):
        looking.score_box(Frame(TWO, "two", ""), box)


def test_a_drawn_box_is_cut_to_the_frame(looking: Diagnoser) -> None:
    assert looking.score_box(Frame(TWO, "two", ""), Box(-1e9, 200, 2e9, 1e9)).box == Box(0, 200, 256, 56)


def test_a_second_look_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="input and output picture, malignancy"):
        Diagnoser(look_bundle(tmp_path / "a", look=look_model(names=("picture", "malignancy"))))
    with pytest.raises(BundleError, match=r"second_look\.onnx cannot be loaded"):
        Diagnoser(look_bundle(tmp_path / "b", look=b"no network"))


def test_values_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    broken = Diagnoser(look_bundle(tmp_path / "a", look=look_model(offset=float("nan"))))
    with pytest.raises(BundleError, match="not finite"):
        broken.diagnose(dark_spots())


def test_openvino_runs_it_in_openvino_and_says_the_same(looking: Diagnoser) -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed (extra openvino)")
    other = Diagnoser(looking.bundle, engine="openvino", precision="f32", threads=1)
    assert looking.second_look is not None
    assert other.second_look is not None
    assert other.second_look.description == other.engine.description == other.description
    assert other.description.startswith("openvino ")
    frames = [Frame(TWO, "two", ""), Frame(dark_spots(size=(320, 256)), "wide", "")]
    asked = [(frame, Box(x, 0.5 * x, 30 + x, 40)) for frame in frames for x in range(20)]
    mine, theirs = (1 / (1 + np.exp(-d.second_look.logits(asked))) for d in (looking, other) if d.second_look)
    np.testing.assert_allclose(mine, theirs, atol=0.005)
    for frame in frames:
        assert other.diagnose(frame).p_malignant == pytest.approx(looking.diagnose(frame).p_malignant, abs=0.005)


def test_a_second_look_that_runs_elsewhere_is_said(looking: Diagnoser) -> None:
    class Elsewhere:
        """The engine under the name of another library."""

        library, description = "torch", "torch 2.0, CPU, f32"

        def __getattr__(self, name: str) -> object:
            return getattr(looking.engine, name)

    other = Diagnoser(looking.bundle, engine=cast(Engine, Elsewhere()))
    assert other.description.startswith("torch 2.0, CPU, f32; second look: onnxruntime ")
    assert other.description.endswith("CPU, f32")
    assert looking.description == looking.engine.description


def test_the_self_test_tries_it_too(looking: Diagnoser, plain: Diagnoser) -> None:
    assert "second look runs on 32 x 32 pixels" in selftest(looking.bundle)
    assert "second look" not in selftest(load(plain.bundle.path))
