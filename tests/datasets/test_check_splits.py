from __future__ import annotations

from pathlib import Path

import pytest
from speckled import BOX, dataset, record, speckle
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.datasets.check import check_dataset
from usnet.datasets.grouping import join_groups
from usnet.datasets.records import save
from usnet.values import Nodule

RUNNER = CliRunner()


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ({"split": "train"}, {"split": "test"}, {"duplicate-across-split", "duplicate"}),
        ({"split": "train"}, {"split": "train"}, {"duplicate"}),
        ({"split": "train"}, {}, {"duplicate"}),
        ({"fold": 1}, {"fold": 2}, {"duplicate-across-split", "duplicate"}),
        ({"fold": 1, "split": "train"}, {"fold": 2, "split": "train"}, {"duplicate"}),
        (
            {"split": "val"},
            {"split": "train", "label": None, "nodules": ()},
            {"duplicate-across-split", "duplicate", "unknown-label"},
        ),
    ],
)
def test_a_copy_on_two_sides_of_a_split(tmp_path: Path, first: dict, second: dict, kinds: set[str]) -> None:
    dataset(tmp_path, [record(1, **first), record(2, **second)], {"2.png": speckle(1)})
    report = check_dataset(tmp_path)
    assert set(report.counts) == kinds
    assert report.harmful == ("duplicate-across-split" in kinds)
    for problem in report.of_kind("duplicate-across-split"):
        assert (problem.severity, problem.file, problem.row, problem.other) == ("error", "1.png", 1, "2.png")


def test_a_copy_on_two_sides_exits_1_and_a_joined_one_0(tmp_path: Path) -> None:
    made = dataset(tmp_path, [record(1, split="train"), record(2, split="test")], {"2.png": speckle(1)})
    result = RUNNER.invoke(app, ["data", "check", str(tmp_path)])
    assert result.exit_code == 1
    assert "in train here, in test as 2.png (row 2; exact)" in result.output
    joined = join_groups(made.with_records([record(1, split="train"), record(2, split="train")]), [(1, 2)])
    save(joined)
    assert RUNNER.invoke(app, ["data", "check", str(tmp_path)]).exit_code == 0
    assert [p.severity for p in check_dataset(tmp_path).problems] == ["note"]


def test_patients_and_groups_on_two_sides(tmp_path: Path) -> None:
    records = [
        record(1, patient_id="a", split="train"),
        record(2, patient_id="a", split="val"),
        record(3, group_id="g", split="train"),
        record(4, group_id="g", split="test"),
        record(5, group_id="g", split="test"),
        record(6, patient_id="b", split="train"),
        record(7, patient_id="b", split="test", exclude="x"),
    ]
    dataset(tmp_path, records)
    report = check_dataset(tmp_path)
    assert {(p.severity, p.kind, p.file, p.row) for p in report.problems} == {
        ("error", "patient-across-split", "1.png", 1),
        ("error", "group-across-split", "3.png", 3),
    }
    assert "2.png (row 2) in val" in report.of_kind("patient-across-split")[0].message


def test_a_complete_split_can_be_demanded(tmp_path: Path) -> None:
    malignant = {"label": "malignant", "nodules": (Nodule(BOX, "malignant"),)}
    records = [
        record(1, split="train"),
        record(2, split="test", **malignant),
        record(3, split="val"),
        record(4),
        record(5, split="training"),
    ]
    dataset(tmp_path, records)
    kinds = {(p.severity, p.kind, p.row, p.message) for p in check_dataset(tmp_path).problems}
    assert kinds == {("error", "unknown-split", 5, "split 'training'")}
    report = check_dataset(tmp_path, demand_split=True)
    assert [p.row for p in report.of_kind("no-split")] == [4]
    assert {(p.severity, p.message) for p in report.of_kind("class-missing")} == {
        ("error", "no malignant image in train"),
        ("warning", "no malignant image in val"),
        ("warning", "no benign image in test"),
    }
    assert RUNNER.invoke(app, ["data", "check", str(tmp_path), "--split-check"]).exit_code == 1


def test_contradicting_copies_are_an_error(tmp_path: Path) -> None:
    records = [record(1), record(2, label="normal", nodules=()), record(3)]
    dataset(tmp_path, records, {"2.png": speckle(1)})
    report = check_dataset(tmp_path)
    (problem,) = report.of_kind("contradicting-duplicate")
    assert (problem.severity, problem.file, problem.row, problem.other) == ("error", "1.png", 1, "2.png")
    assert problem.message == "benign here, normal as 2.png (row 2)"
    assert report.of_kind("duplicate")[0].severity == "warning"
