from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from speckled import BOX, SIZE, dataset, record, speckle, write
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.datasets.check import CheckReport, Problem, check_dataset
from usnet.datasets.records import Dataset, save
from usnet.errors import DataError
from usnet.values import Box, Nodule

RUNNER = CliRunner()


def found(report: CheckReport) -> set[tuple[str, str, str | None, int | None]]:
    return {(p.severity, p.kind, p.file, p.row) for p in report.problems}


def edit(root: Path, change: dict[str, Any]) -> None:
    """Change ``dataset.json``: ``{"images": {row: {...}}, "annotations": {row: {...}}}``, rows counted from 1."""
    path = root / "dataset.json"
    document = json.loads(path.read_text())
    for part, rows in change.items():
        for row, values in rows.items():
            document[part][row - 1].update(values)
    path.write_text(json.dumps(document))


def test_a_clean_dataset_has_no_problems(tmp_path: Path) -> None:
    records = [
        record(1),
        record(2, label="malignant", nodules=(Nodule(BOX, "malignant"),)),
        record(3, label="normal", nodules=()),
    ]
    dataset(tmp_path, records)
    report = check_dataset(tmp_path)
    assert report.problems == ()
    assert not report.harmful
    assert report.images == 3
    assert [(c.pathology, c.boxes, c.uncovered) for c in report.coverage] == [("benign", 1, 0), ("malignant", 1, 0)]
    result = RUNNER.invoke(app, ["data", "check", str(tmp_path)])
    assert result.exit_code == 0
    assert "nothing that would harm training" in result.output


WRONG = [
    record(1, nodules=(Nodule(Box(200, 50, 80, 40), "benign"),)),
    record(2, nodules=(Nodule(Box(500, 50, 80, 40), "benign"),)),
    record(3, nodules=(Nodule(Box(10, 50, 0, 40), "benign"),)),
    record(4, nodules=(Nodule(Box(10, 50, 2, 40), "benign"),)),
    record(5, nodules=(Nodule(Box(0, 0, *SIZE), "benign"),)),
    record(6, nodules=(Nodule(BOX, "benign"), Nodule(Box(61, 50, 80, 50), "benign"))),
    record(7, label="normal"),
    record(8, label="malignant", nodules=()),
    record(9, nodules=(Nodule(BOX, "malignant"),)),
    record(10, label="malignant"),
    record(11, label=None),
    record(12, nodules=(Nodule(BOX),)),
    record(13),
    record(14),
    record(15),
    record(16, width=SIZE[0] - 40),
    record(17),
    record(18, age=450, spacing_mm=(5.0, 5.0)),
    record(19, spacing_mm=(0.1, 0.3)),
    record(20, nodules=(Nodule(BOX, "benign", diameter_mm=0.8),)),
    record(21, nodules=(Nodule(BOX, "benign", diameter_mm=90.0),), spacing_mm=(0.1, 0.1)),
    record(22, patient_id="p21", label="malignant", nodules=(Nodule(BOX, "malignant", nodule_id="n"),)),
    record(23, patient_id="p21", nodules=(Nodule(BOX, "benign", nodule_id="n"),)),
    record(24, file_name="1.png"),
    record(25, file_name="../dataset.json"),
    record(26),
    record(27),
    record(28),
    record(29),
]

EXPECTED = {
    ("error", "box-outside", "1.png", 1),
    ("error", "box-outside", "2.png", 2),
    ("error", "box-empty", "3.png", 3),
    ("warning", "box-tiny", "4.png", 4),
    ("warning", "box-covers-image", "5.png", 5),
    ("warning", "box-repeated", "6.png", 6),
    ("error", "normal-with-box", "7.png", 7),
    ("error", "label-without-box", "8.png", 8),
    ("error", "label-against-nodules", "9.png", 9),
    ("error", "label-against-nodules", "10.png", 10),
    ("warning", "unknown-label", "11.png", 11),
    ("note", "nodule-without-pathology", "12.png", 12),
    ("error", "missing-file", "13.png", 13),
    ("error", "unreadable-file", "14.png", 14),
    ("error", "unreadable-file", "15.png", 15),
    ("error", "image-size", "16.png", 16),
    ("error", "blank-image", "17.png", 17),
    ("warning", "age", "18.png", 18),
    ("warning", "spacing", "18.png", 18),
    ("warning", "spacing", "19.png", 19),
    ("warning", "diameter", "20.png", 20),
    ("warning", "diameter", "21.png", 21),
    ("error", "contradicting-nodule", "23.png", 23),
    ("note", "patient-with-both", "22.png", 22),
    ("error", "listed-twice", "1.png", 24),
    ("warning", "duplicate", "1.png", 1),
    ("error", "file-name", "../dataset.json", 25),
    ("error", "bad-row", "26.png", 26),
    ("error", "bad-row", "27.png", 27),
    ("error", "bad-annotation", "28.png", 28),
    ("error", "bad-annotation", "29.png", 29),
    ("error", "label-without-box", "28.png", 28),
    ("error", "label-without-box", "29.png", 29),
    ("warning", "unlisted-file", "extra/100.png", None),
    ("note", "anchors", None, None),
    ("note", "box-without-anchor", "4.png", 4),
}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with everything wrong at once."""
    root = tmp_path_factory.mktemp("wrong")
    blank = {"17.png": np.full((SIZE[1], SIZE[0]), 9, np.uint8)}
    dataset(root, [r for r in WRONG if r.file_name != "../dataset.json"], blank)
    save(Dataset(root, "wrong", tuple(WRONG)))
    (root / "images" / "13.png").unlink()
    (root / "images" / "14.png").write_bytes((root / "images" / "14.png").read_bytes()[:3000])
    (root / "images" / "15.png").write_text("no picture")
    write(root, {"extra/100.png": speckle(100)})
    annotation = {
        a["image_id"]: n for n, a in enumerate(json.loads((root / "dataset.json").read_text())["annotations"], 1)
    }
    edit(
        root,
        {
            "images": {26: {"label": "bening"}, 27: {"width": "wide"}},
            "annotations": {annotation[28]: {"category_id": 9}, annotation[29]: {"bbox": [1, 2, -5, 3]}},
        },
    )
    return root


@pytest.fixture(scope="module")
def report(wrong: Path) -> CheckReport:
    return check_dataset(wrong, jobs=1)


def test_every_problem_is_listed_in_one_run(report: CheckReport) -> None:
    rows = {(p.severity, p.kind, p.file, p.row) for p in report.problems if p.kind != "bad-annotation"}
    assert rows == {e for e in EXPECTED if e[1] != "bad-annotation"}
    bad = [p for p in report.problems if p.kind == "bad-annotation"]
    assert {p.file for p in bad} == {"28.png", "29.png"}
    assert any("category 9" in p.message for p in bad)
    assert any("[1, 2, -5, 3]" in p.message for p in bad)
    assert all(p.message and not p.message.endswith(".") for p in report.problems)
    assert report.harmful


def test_kinds_stay_together_the_gravest_first(report: CheckReport) -> None:
    kinds = [p.kind for p in report.problems]
    assert len(list(groupby(kinds))) == len(set(kinds))
    assert report.problems[0].severity == "error"
    assert list(report.counts) == list(dict.fromkeys(kinds))
    assert sum(report.counts.values()) == sum(report.severities.values()) == len(kinds)


def test_command_writes_text_json_and_page_and_exits_1(wrong: Path, tmp_path: Path, report: CheckReport) -> None:
    target = tmp_path / "out" / "check.json"
    arguments = ["data", "check", str(wrong), "--json", str(target), "--html", str(tmp_path / "page"), "--jobs", "1"]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 1
    for p in report.problems:
        assert p.message in result.output
    document = json.loads(target.read_text())
    assert document["problems"] == report.to_json()["problems"]
    assert document["counts"] == report.counts
    page = (tmp_path / "page" / "check.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 20
    assert "http" not in page
    for p in report.problems:
        assert p.file is None or p.file in page


def test_json_can_go_to_the_terminal(wrong: Path) -> None:
    result = RUNNER.invoke(app, ["data", "check", str(wrong), "--json", "-", "--jobs", "1"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["images"] == len(WRONG) - 2


def test_page_escapes_names(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>.png".replace("/", "_")
    dataset(tmp_path, [record(1, file_name=name, label="normal")])
    RUNNER.invoke(app, ["data", "check", str(tmp_path), "--html", str(tmp_path / "c.html")])
    assert "<script>alert" not in (tmp_path / "c.html").read_text()


def test_excluded_images_harm_nobody(tmp_path: Path) -> None:
    records = [
        record(1, label="normal", exclude="x"),
        record(2, exclude="contradicting-duplicate", split="train"),
        record(3, exclude="contradicting-duplicate", label="normal", nodules=(), split="test"),
    ]
    dataset(tmp_path, records, {"3.png": speckle(2)})
    report = check_dataset(tmp_path)
    assert found(report) == {
        ("note", "normal-with-box", "1.png", 1),
        ("note", "contradicting-duplicate", "2.png", 2),
        ("warning", "duplicate", "2.png", 2),
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": 3}'])
def test_a_file_that_is_no_dataset_is_one_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DataError, match=r"dataset\.json"):
        check_dataset(tmp_path)


def test_strange_rows_do_not_stop_the_check(tmp_path: Path) -> None:
    dataset(tmp_path, [record(1), record(2)])
    path = tmp_path / "dataset.json"
    document = json.loads(path.read_text())
    document["images"] += [
        None,
        {"id": 3},
        document["images"][0] | {"spacing_mm": [0.1]},
        document["images"][1] | {"file_name": 5},
    ]
    document["annotations"] += [7, {"image_id": 99, "category_id": 1, "bbox": [1, 2, 3, 4]}]
    path.write_text(json.dumps(document))
    report = check_dataset(tmp_path)
    assert [p.row for p in report.of_kind("bad-row")] == [3, 4, 5, 6]
    assert [p.row for p in report.of_kind("bad-annotation")] == [3, 4]
    assert report.images == 2


def test_ids_used_twice(tmp_path: Path) -> None:
    dataset(tmp_path, [record(1), record(1, file_name="2.png")], {"1.png": speckle(1), "2.png": speckle(2)})
    report = check_dataset(tmp_path)
    assert ("error", "repeated-id", "2.png", 2) in found(report)
    assert "duplicate" not in report.counts


def test_problems_are_values() -> None:
    with pytest.raises(AttributeError):
        Problem("note", "age", "x").severity = "error"  # type: ignore[misc]
