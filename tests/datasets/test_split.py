"""Splits: no group crosses, every image once, shares kept, same seed same split; groups joined by duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.datasets.grouping import CONTRADICTING, join_groups, verify_groups
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.datasets.split import settle_folds, split_by_fold, split_folds, split_train_val_test
from usnet.errors import ConfigError, DataError
from usnet.values import LABELS, Label


def dataset(rows: Sequence[tuple[str | None, Label | None]], folds: Sequence[int | None] = ()) -> Dataset:
    """Records of (patient, label), with official folds where given."""
    records = [
        ImageRecord(n, f"{n}.png", 10, 10, label, patient_id=patient, fold=folds[n - 1] if folds else None)
        for n, (patient, label) in enumerate(rows, 1)
    ]
    return Dataset(Path("made-up"), "made", tuple(records))


patients = st.integers(0, 60).map(lambda n: f"p{n}")
rows = st.lists(st.tuples(st.one_of(st.none(), patients), st.sampled_from([*LABELS, None])), min_size=1, max_size=200)


@settings(deadline=None)
@given(rows, st.integers(2, 6), st.integers(0, 5))
def test_folds_hold_every_image_once_and_no_group_crosses(
    rows: list[tuple[str | None, Label]], folds: int, seed: int
) -> None:
    data = dataset(rows)
    groups = {r.group for r in data.records}
    if len(groups) < folds:
        with pytest.raises(DataError, match="too few"):
            split_folds(data, folds, seed)
        return
    try:
        drawn = split_folds(data, folds, seed)
    except DataError:  # a few groups in several strata: a fold may stay empty, and says so
        assert len(groups) < 4 * folds
        return
    assert verify_groups(drawn, "fold") == len(groups)
    assert [r.image_id for r in drawn.records] == [r.image_id for r in data.records]
    assert {r.fold for r in drawn.records} == set(range(1, folds + 1))
    assert drawn == split_folds(data, folds, seed)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(LABELS), st.integers(1, 3)), min_size=150, max_size=300), st.integers(0, 3))
def test_shares_by_class(groups: list[tuple[Label, int]], seed: int) -> None:
    """With many small groups, each class is within two groups of its share in every part."""
    data = dataset([(f"p{n}", label) for n, (label, size) in enumerate(groups) for _ in range(size)])
    drawn = split_train_val_test(data, 0.1, 0.2, seed)
    assert verify_groups(drawn) == len(groups)
    for label in LABELS:
        total = sum(r.label == label for r in drawn.records)
        counts = Counter(r.split for r in drawn.records if r.label == label)
        for part, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs(counts[part] - share * total) <= 6  # type: ignore[index]


def test_large_groups_reach_every_part() -> None:
    data = dataset([(f"p{n // 2}", "benign") for n in range(200)] + [(f"s{n}", "benign") for n in range(50)])
    drawn = split_train_val_test(data, 0.1, 0.2)
    for part in ("train", "val", "test"):
        sizes = Counter(Counter(r.group for r in drawn.records if r.split == part).values())
        assert 1.4 < sizes[2] / sizes[1] < 3.0, part


def test_a_mixed_group_counts_as_its_worst_label_and_excluded_images_follow() -> None:
    data = dataset([(f"p{n}", label) for n in range(20) for label in ("benign", "malignant")])
    data = data.with_records(replace(r, exclude="x") if r.image_id % 2 else r for r in data.records)
    drawn = split_folds(data, 4)
    assert verify_groups(drawn, "fold") == 20
    assert Counter(r.fold for r in drawn.records) == {1: 10, 2: 10, 3: 10, 4: 10}


@pytest.mark.parametrize(("val", "test"), [(0.5, 0.5), (0.9, 0.2), (-0.1, 0.2)])
def test_shares_that_leave_nothing(val: float, test: float) -> None:
    with pytest.raises(ConfigError):
        split_train_val_test(dataset([("a", "benign"), ("b", "benign")]), val, test)


def test_seed_matters() -> None:
    data = dataset([(f"p{n}", "benign") for n in range(100)])
    assert split_folds(data, 5, 0).records != split_folds(data, 5, 1).records


def test_official_folds_test_on_one_and_never_on_images_without_fold() -> None:
    rows: list[tuple[str, Label]] = [(f"p{n // 2}", "malignant" if n % 6 < 2 else "benign") for n in range(120)]
    folds: list[int | None] = [n // 2 % 5 + 1 for n in range(100)] + [None] * 20
    drawn = split_by_fold(dataset(rows, folds), 5, 0.1)
    assert {r.fold for r in drawn.records if r.split == "test"} == {5}
    assert all(r.split == "test" for r in drawn.records if r.fold == 5)
    assert Counter(r.split for r in drawn.records) == {"train": 90, "val": 10, "test": 20}
    verify_groups(drawn)
    with pytest.raises(DataError, match="no fold 9; the dataset has 1, 2, 3, 4, 5"):
        split_by_fold(dataset(rows, folds), 9)
    with pytest.raises(DataError, match="no folds at all"):
        split_by_fold(dataset(rows), 1)


def test_straddling_groups_go_to_the_larger_fold_ties_to_the_lower() -> None:
    data = dataset(
        [("a", "benign"), ("a", "benign"), ("b", "benign"), ("c", "benign"), ("d", "benign"), ("e", "benign")],
        [5, 5, 1, 4, 2, None],
    )
    data = join_groups(data, [(1, 3), (4, 5), (5, 6)])
    with pytest.raises(DataError, match="2 groups lie in more than one fold"):
        split_by_fold(data, 5)
    settled, moved = settle_folds(data)
    assert [r.fold for r in settled.records] == [5, 5, 5, 2, 2, 2]
    assert [(r.image_id, r.fold) for r in moved] == [(3, 1), (4, 4), (6, None)]
    verify_groups(settled, "fold")
    assert settle_folds(settled) == (settled, ())


def test_duplicates_join_patients_and_contradictions_are_excluded() -> None:
    data = dataset(
        [("a", "benign"), ("a", "benign"), ("b", "benign"), (None, "malignant"), (None, "benign"), (None, "normal")]
    )
    joined = join_groups(data, [(3, 1), (5, 4)])
    assert [r.group_id for r in joined.records] == ["a", "a", "a", "4.png", "4.png", "6.png"]
    assert [r.exclude for r in joined.records] == [None, None, None, CONTRADICTING, CONTRADICTING, None]
    assert join_groups(joined, [(3, 1), (5, 4)]) == joined
    near = join_groups(data, [], near=[(5, 4)])
    assert [r.group_id for r in near.records][3:] == ["4.png", "4.png", "6.png"]
    assert {r.exclude for r in near.records} == {None}
    with pytest.raises(DataError, match=r"\[99\]"):
        join_groups(data, [(1, 99)])


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=40))
def test_joined_groups_are_the_connected_components(pairs: list[tuple[int, int]]) -> None:
    data = join_groups(dataset([(None, "benign")] * 30), pairs)
    group = {r.image_id: r.group for r in data.records}
    assert all(group[a] == group[b] for a, b in pairs)
    reachable = {n: {n} for n in group}
    for _ in range(30):
        for a, b in pairs:
            reachable[a] = reachable[b] = reachable[a] | reachable[b]
    assert all(group[b] != group[a] or b in reachable[a] or a in reachable[b] for a in group for b in group)


def test_verify_names_the_crossing_group() -> None:
    data = dataset([("a", "benign"), ("a", "benign")])
    crossing = data.with_records(replace(r, split="train" if r.image_id == 1 else "test") for r in data.records)
    with pytest.raises(DataError, match=r"a \(1.png in train, 2.png in test\)"):
        verify_groups(crossing)


def test_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from usnet.cli.app import app
    from usnet.datasets.records import load

    data = dataset([(f"p{n}", "benign" if n % 2 else "malignant") for n in range(40)], [n % 5 + 1 for n in range(40)])
    save(replace(data, root=tmp_path))
    run = CliRunner().invoke
    result = run(
        app, ["data", "split", str(tmp_path), "--no-duplicates", "--official", "--test-fold", "5", "--val", "0.25"]
    )
    assert result.exit_code == 0, result.output
    assert "40 groups, none of which crosses" in result.output
    assert Counter(r.split for r in load(tmp_path).records) == {"train": 24, "val": 8, "test": 8}
    assert load(tmp_path).info["split"]["test_fold"] == 5
    assert run(app, ["data", "split", str(tmp_path), "--no-duplicates", "--folds", "4"]).exit_code == 0
    assert Counter(r.fold for r in load(tmp_path).records) == {1: 10, 2: 10, 3: 10, 4: 10}
    assert isinstance(run(app, ["data", "split", str(tmp_path), "--official"]).exception, ConfigError)
