"""``usnet diagnose --explain``: contours, descriptors beside their reference, and maps of what the network hangs on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from helpers.tiny_bundle import dark_spots, tiny_bundle
from usnet.cli.app import app
from usnet.descriptors import DESCRIPTORS
from usnet.descriptors.reference import load_reference
from usnet.diagnosis import Diagnoser
from usnet.diagnosis.explain import MOST, explain
from usnet.diagnosis.saliency import GRID, occlusion
from usnet.values import Box, Frame


@pytest.fixture(scope="module")
def diagnoser(tmp_path_factory: pytest.TempPathFactory) -> Diagnoser:
    return Diagnoser(tiny_bundle(tmp_path_factory.mktemp("explain") / "tiny"))


def _frame(pixels: np.ndarray, **more: object) -> Frame:
    return Frame(pixels, "a.png", "0" * 64, **more)  # type: ignore[arg-type]


def test_covering_the_nodule_takes_the_evidence_away(diagnoser: Diagnoser) -> None:
    frame = _frame(dark_spots(((60, 68),)))
    (finding,) = diagnoser.diagnose(frame).findings
    found = occlusion(diagnoser, frame, finding.box)
    assert found.detection.shape == found.malignancy.shape == (GRID, GRID)
    row, column = np.unravel_index(int(found.detection.argmax()), found.detection.shape)
    assert abs((column + 0.5) * 256 / GRID - 60) < 30
    assert abs((row + 0.5) * 256 / GRID - 68) < 30
    assert found.detection.max() > 1
    assert np.abs(found.detection[-3:]).max() < 0.1 * found.detection.max()  # far away nothing changes
    assert found.place.as_list() == [0, 0, 256, 256]


def test_the_margin_of_the_letterbox_is_not_asked(diagnoser: Diagnoser) -> None:
    frame = _frame(dark_spots(((240, 120),), size=(512, 200), side=96))
    found = occlusion(diagnoser, frame, Box(192, 72, 96, 96))
    assert not found.detection[:2].any()
    assert not found.detection[-2:].any()
    assert found.place.as_list() == pytest.approx([0, -156, 512, 512])


def test_every_descriptor_with_its_place_among_training_nodules(diagnoser: Diagnoser) -> None:
    frame = _frame(dark_spots(), spacing_mm=(0.1, 0.1))
    reference = load_reference()
    assert reference is not None
    (why,) = explain(diagnoser, frame, diagnoser.diagnose(frame), reference, saliency=False)
    assert [m.descriptor for m in why.measured] == list(DESCRIPTORS)
    found = {m.descriptor.name: m for m in why.measured}
    assert found["height_to_width"].value == pytest.approx(1, abs=0.1)
    for m in why.measured:
        for below in (m.below_benign, m.below_malignant):
            assert below is None or 0 <= below <= 100
    assert found["height_to_width"].below_benign > found["height_to_width"].below_malignant  # type: ignore[operator]
    assert {w.term for w in why.words} >= {"shape", "margin", "posterior features"}
    assert all("kappa" in w.agreement for w in why.words)
    assert why.saliency is None


def test_without_reference_and_without_findings(diagnoser: Diagnoser) -> None:
    spots = _frame(dark_spots(((60, 60), (196, 188)), (5, 60)))
    found = explain(diagnoser, spots, diagnoser.diagnose(spots), None, saliency=False)
    assert [e.number for e in found] == [1, 2]
    assert len(found) <= MOST
    assert all(m.below_benign is None for m in found[0].measured)
    empty = _frame(np.full((256, 256), 150, dtype=np.uint8))
    assert explain(diagnoser, empty, diagnoser.diagnose(empty), None) == []


def test_the_command_writes_json_pictures_and_a_page(diagnoser: Diagnoser, tmp_path: Path) -> None:
    exam = tmp_path / "exam"
    exam.mkdir()
    Image.fromarray(dark_spots()).save(exam / "a <b>.png")
    Image.fromarray(np.full((256, 256), 150, dtype=np.uint8)).save(exam / "normal.png")
    words = ["diagnose", str(exam), "--bundle", str(diagnoser.bundle.path), "--out", str(tmp_path / "out"), "--explain"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    assert sorted(p.suffix for p in (out / "explain").iterdir()) == [".json", ".json", ".png"]
    documents = [json.loads(p.read_text()) for p in (out / "explain").glob("*.json")]
    (full,) = [d for d in documents if d["findings"]]
    (finding,) = full["findings"]
    assert len(finding["contour"]) == 96
    assert {row["term"] for row in finding["descriptors"]} >= {"orientation", "posterior features"}
    assert np.shape(finding["saliency"]["malignancy"]) == (GRID, GRID)
    page = (out / "explanations.html").read_text()
    assert "a &lt;b&gt;" in page
    assert "no finding to explain" in page
    assert "<script" not in page
    with Image.open(next((out / "explain").glob("*.png"))) as picture:
        assert picture.width > 3 * 400


def test_no_explanation_unless_asked(diagnoser: Diagnoser, tmp_path: Path) -> None:
    Image.fromarray(dark_spots()).save(tmp_path / "a.png")
    words = [
        "diagnose",
        str(tmp_path / "a.png"),
        "--bundle",
        str(diagnoser.bundle.path),
        "--out",
        str(tmp_path / "out"),
    ]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert not (tmp_path / "out" / "explanations.html").exists()
