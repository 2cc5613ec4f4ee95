"""A bundle with a second look: written, verified, refused; and how its word joins the detector's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.tiny_bundle import manifest, tiny_bundle, tiny_model
from helpers.tiny_look import SETTINGS, look_bundle, look_model
from usnet.bundles import load, write
from usnet.bundles.decode import Candidates
from usnet.bundles.fusion import evidence, revised, worth_a_look
from usnet.errors import BundleError


def candidates(*logits: tuple[float, float]) -> Candidates:
    boxes = np.tile(np.array([[0, 0, 10, 10]], dtype=np.float32), (len(logits), 1))
    return Candidates(boxes, np.array(logits, dtype=np.float32).reshape(-1, 2))


def test_a_second_look_comes_back_as_it_was_written(tmp_path: Path) -> None:
    bundle = load(look_bundle(tmp_path / "a.zip"))
    assert bundle.manifest.second_look == SETTINGS
    assert bundle.read("second_look.onnx") == look_model()


def test_an_old_bundle_opens_without_one(tmp_path: Path) -> None:
    place = tiny_bundle(tmp_path / "old")
    document = json.loads((place / "bundle.json").read_text())
    del document["second_look"]  # as it was written before there was such a key
    (place / "bundle.json").write_text(json.dumps(document))
    bundle = load(place)
    assert bundle.manifest.second_look is None
    assert bundle.identity.sha256 == bundle.manifest.files["model.onnx"]


def test_another_second_look_is_another_model(tmp_path: Path) -> None:
    plain, one, two = (
        load(tiny_bundle(tmp_path / "plain")),
        load(look_bundle(tmp_path / "one")),
        load(look_bundle(tmp_path / "two", look=look_model(offset=1.0))),
    )
    assert plain.manifest.files["model.onnx"] == one.manifest.files["model.onnx"]
    assert len({b.identity.sha256 for b in (plain, one, two)}) == 3


def test_a_bundle_without_the_file_it_names_is_neither_written_nor_opened(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no second_look\.onnx among the files"):
        write(tmp_path / "a", manifest(second_look=SETTINGS), {"model.onnx": tiny_model()})
    place = look_bundle(tmp_path / "b")
    document = json.loads((place / "bundle.json").read_text())
    del document["files"]["second_look.onnx"]
    (place / "bundle.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"lists no second_look\.onnx"):
        load(place)


def test_a_damaged_second_look_is_found(tmp_path: Path) -> None:
    place = look_bundle(tmp_path / "a")
    (place / "second_look.onnx").write_bytes(look_model(offset=0.5))
    with pytest.raises(BundleError, match=r"second_look\.onnx is damaged"):
        load(place)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([], []),  # no finding, no second look
        ([(-4.0, -5.0)], [0]),  # the strongest always, however weak
        ([(2.0, 0.0), (-4.0, -5.0)], [0]),  # a weak one beside it not
        ([(2.0, 0.0), (1.0, 0.0), (0.0, 0.5), (0.0, 0.0)], [0, 1, 2]),  # at most three
    ],
)
def test_which_boxes_are_looked_at(logits: list[tuple[float, float]], expected: list[int]) -> None:
    assert worth_a_look(candidates(*logits), SETTINGS).tolist() == expected


def test_evidence_joins_both_or_falls_back_to_the_detector() -> None:
    ratio, look = np.array([2.0, 2.0], dtype=np.float32), np.array([3.0, np.nan], dtype=np.float32)
    assert evidence(ratio, look, SETTINGS) == pytest.approx([0.5 * 2 + 3 - 0.25, 0.75 * 2 + 0.1])


@pytest.mark.parametrize("look", [-6.0, 0.25, 6.0])
def test_the_second_look_moves_the_class_and_never_the_detection(look: float) -> None:
    before = candidates((1.5, 0.5), (0.2, 1.0))
    after = revised(before, np.array([look, np.nan], dtype=np.float32), SETTINGS)
    assert after.scores == pytest.approx(before.scores)
    assert after.log_ratio == pytest.approx([0.5 * -1 + look - 0.25, 0.75 * 0.8 + 0.1], abs=1e-5)
    assert (after.boxes == before.boxes).all()


def test_revising_nothing_gives_nothing() -> None:
    assert revised(candidates(), np.zeros(0, dtype=np.float32), SETTINGS).logits.shape == (0, 2)
