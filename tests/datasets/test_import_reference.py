"""Importers and groups on the real sets, against the counts and groups found in them independently."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from usnet.datasets.grouping import CONTRADICTING, join_groups
from usnet.datasets.importers import ImportResult, import_breast, import_busbra, import_busi
from usnet.datasets.importers.common import outside
from usnet.datasets.records import Dataset, load
from usnet.datasets.split import settle_folds, split_by_fold, split_train_val_test, verify_groups

pytestmark = pytest.mark.reference

JOBS: dict[str, tuple[str, Callable[..., ImportResult]]] = {
    "bus_bra": ("BUSBRA", import_busbra),
    "busi": ("Dataset_BUSI_with_GT", import_busi),
    "breast_usg": ("BrEaST", import_breast),
}


@pytest.fixture(scope="module")
def results(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImportResult]:
    out = tmp_path_factory.mktemp("imported")
    return {name: job(shared / "data" / folder, out / name, link=True) for name, (folder, job) in JOBS.items()}


def joined(dataset: Dataset, name: str, shared: Path) -> Dataset:
    """Groups joined by the published list of duplicate pairs."""
    ids = {r.source_name: r.image_id for r in dataset.records}
    pairs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in rows(shared, "duplicates.csv"):
        if row["dataset_i"] == name:
            pairs[row["kind"]].append((ids[row["source_i"]], ids[row["source_j"]]))
    return join_groups(dataset, pairs["exact"] + pairs["duplicate"], pairs["near"])


def rows(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "data" / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("name", "labels", "nodules", "patients"),
    [
        ("bus_bra", {"benign": 1268, "malignant": 607}, 1875, 1064),
        ("busi", {"benign": 437, "malignant": 210, "normal": 133}, 665, 0),
        ("breast_usg", {"benign": 154, "malignant": 98, "normal": 4}, 252, 256),
    ],
)
def test_counts(
    results: dict[str, ImportResult], name: str, labels: dict[str, int], nodules: int, patients: int
) -> None:
    result = results[name]
    records = result.dataset.records
    assert result.left_out == ()
    assert Counter(r.label for r in records) == labels
    assert sum(len(r.nodules) for r in records) == nodules
    assert len({r.patient_id for r in records} - {None}) == patients
    assert all(outside(n.box, (r.width, r.height)) is None for r in records for n in r.nodules)
    assert load(result.dataset.root) == result.dataset


def test_busbra_disagreements_are_the_five_known_ones(results: dict[str, ImportResult]) -> None:
    notes = {p.source.removesuffix(".png"): p.message for p in results["bus_bra"].notes}
    assert sorted(notes) == ["bus_0845-s", "bus_0856-l", "bus_0857-r", "bus_0912-l", "bus_0990-l"]
    assert [name for name, message in notes.items() if "BBOX" in message] == ["bus_0845-s"]


def test_busi_nodules_per_image(results: dict[str, ImportResult]) -> None:
    assert Counter(len(r.nodules) for r in results["busi"].dataset.records) == {0: 133, 1: 630, 2: 16, 3: 1}
    assert sum("speck" in p.message for p in results["busi"].notes) == 5


def test_breast_fields(results: dict[str, ImportResult]) -> None:
    records = results["breast_usg"].dataset.records
    assert all(r.spacing_mm for r in records)
    assert sum(r.age is not None for r in records) == 214
    assert Counter(r.birads for r in records) == {"1": 4, "2": 30, "3": 37, "4a": 44, "4b": 46, "4c": 49, "5": 46}
    assert next(r for r in records if r.file_name == "case045.png").label == "normal"


def test_views_of_busbra(results: dict[str, ImportResult]) -> None:
    records = results["bus_bra"].dataset.records
    assert Counter(r.view for r in records) == {"left": 811, "right": 811, "single": 253}
    assert {r.fold for r in records} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("name", "groups", "contradicting"), [("bus_bra", 1061, 0), ("busi", 587, 19), ("breast_usg", 256, 0)]
)
def test_groups(results: dict[str, ImportResult], shared: Path, name: str, groups: int, contradicting: int) -> None:
    dataset = joined(results[name].dataset, name, shared)
    mine: dict[str, set[str | None]] = defaultdict(set)
    for record in dataset.records:
        mine[record.group].add(record.source_name)
    theirs: dict[str, set[str | None]] = defaultdict(set)
    listed = [row for row in rows(shared, "groups.csv") if row["dataset"] == name]
    for row in listed:
        theirs[row["group_id"]].add(row["source_name"])
    assert len(mine) == groups
    assert {frozenset(g) for g in mine.values()} == {frozenset(g) for g in theirs.values()}
    assert sum(r.exclude == CONTRADICTING for r in dataset.records) == contradicting
    facts = {row["source_name"]: (row["label"], row["patient_id"] or None) for row in listed}
    assert {r.source_name: (r.label, r.patient_id) for r in dataset.records} == facts


def test_official_split_moves_the_straddling_patients(results: dict[str, ImportResult], shared: Path) -> None:
    settled, moved = settle_folds(joined(results["bus_bra"].dataset, "bus_bra", shared))
    assert {r.file_name: r.fold for r in moved} == {
        "bus_0044-l.png": 3, "bus_0044-r.png": 3, "bus_0356-l.png": 5, "bus_0356-r.png": 5,
    }  # fmt: skip
    drawn = split_by_fold(settled, 5, 0.1)
    assert verify_groups(drawn) == 1061
    assert Counter(r.split for r in drawn.records) == {"train": 1344, "val": 150, "test": 381}


def test_busi_split_keeps_the_classes(results: dict[str, ImportResult], shared: Path) -> None:
    drawn = split_train_val_test(joined(results["busi"].dataset, "busi", shared))
    usable = [r for r in drawn.records if r.exclude is None]
    for label in ("benign", "malignant", "normal"):
        counts = Counter(r.split for r in usable if r.label == label)
        total = sum(counts.values())
        for part, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs(counts[part] / total - share) < 0.03, (label, part)  # type: ignore[index]
