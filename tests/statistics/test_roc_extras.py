from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.statistics.roc import auc, placements
from usnet.statistics.roc_independent import hanley_mcneil_error, unpaired_test
from usnet.statistics.roc_multiclass import hand_till
from usnet.statistics.roc_partial import partial_auc


def study(seed: int, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores with ties."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3 == 0
    return truth, rng.integers(0, 9, n).astype(float) + truth


@given(st.integers(0, 10_000), st.floats(0.01, 0.98))
def test_partial_areas_add_up_to_the_whole(seed: int, cut: float) -> None:
    truth, scores = study(seed)
    whole = auc(truth, scores).value
    for axis in ("specificity", "sensitivity"):
        low = partial_auc(truth, scores, 0.0, cut, axis=axis).value
        high = partial_auc(truth, scores, cut, 1.0, axis=axis).value
        assert low + high == pytest.approx(whole, abs=1e-12)
        assert partial_auc(truth, scores, 0.0, 1.0, axis=axis).value == pytest.approx(whole, abs=1e-12)


@given(st.integers(0, 10_000))
def test_partial_area_is_the_same_on_a_monotone_scale_and_mirrors(seed: int) -> None:
    truth, scores = study(seed)
    here = partial_auc(truth, scores, 0.8, 1.0)
    assert partial_auc(truth, np.exp(scores), 0.8, 1.0).value == pytest.approx(here.value, abs=1e-12)
    mirrored = partial_auc(~truth, -scores, 0.8, 1.0, axis="sensitivity")
    assert mirrored.value == pytest.approx(here.value, abs=1e-12)


def test_mcclish_is_one_half_for_a_constant_and_one_for_a_perfect_score() -> None:
    truth = np.array([True] * 5 + [False] * 5)
    assert partial_auc(truth, np.zeros(10)).corrected == pytest.approx(0.5)
    assert partial_auc(truth, truth.astype(float)).corrected == pytest.approx(1.0)
    wrong = partial_auc(truth, -truth.astype(float))
    assert wrong.value == 0
    assert wrong.corrected is None


def test_partial_area_without_a_class_is_none_and_a_bad_range_is_refused() -> None:
    assert partial_auc([True, True], [1.0, 2.0]).value is None
    with pytest.raises(ValueError, match="0 <= low < high <= 1"):
        partial_auc([True, False], [1.0, 0.0], 0.9, 0.8)
    with pytest.raises(ValueError, match="NaN"):
        partial_auc([True, False], [np.nan, 0.0])


def test_unpaired_test_is_antisymmetric_and_says_when_it_cannot() -> None:
    first, second = study(1), study(2)
    here, there = unpaired_test(*first, *second), unpaired_test(*second, *first)
    assert here.difference == pytest.approx(-there.difference)
    assert here.p == pytest.approx(there.p)
    perfect = np.array([True, True, False, False])
    none = unpaired_test(perfect, perfect.astype(float), perfect, perfect.astype(float))
    assert (none.t, none.p, none.interval) == (None, None, None)
    with pytest.raises(ValueError, match="two positive"):
        unpaired_test([True, False], [1, 0], *first)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_hand_till_of_two_classes_is_the_auc(seed: int) -> None:
    truth, scores = study(seed)
    one = auc(truth, scores).value
    assert hand_till(truth, scores) == pytest.approx(max(one, 1 - one))
    two = np.stack([-scores, scores], axis=1)
    assert hand_till(truth, two, labels=[False, True]) == pytest.approx(one)


def test_hand_till_with_a_column_a_class_is_the_mean_over_ordered_pairs() -> None:
    rng = np.random.default_rng(3)
    classes, scores = rng.integers(0, 3, 40), rng.random((40, 3))
    areas = []
    for i in range(3):
        for j in range(3):
            if i != j:
                here = np.isin(classes, (i, j))
                areas.append(placements(classes[here] == i, scores[here, i])[0].mean())
    assert hand_till(classes, scores) == pytest.approx(np.mean(areas))
    assert hand_till(["a", "a"], [1.0, 2.0]) is None
    with pytest.raises(ValueError, match="columns"):
        hand_till(classes, scores[:, :2])


def test_hanley_mcneil_of_a_certain_score_is_zero_and_nonsense_is_refused() -> None:
    assert hanley_mcneil_error(1.0, 10, 10) == 0
    assert hanley_mcneil_error(0.8, 40, 40) < hanley_mcneil_error(0.8, 20, 20)
    with pytest.raises(ValueError, match="no standard error"):
        hanley_mcneil_error(1.2, 3, 3)


def read_asah(shared: Path) -> tuple[list[dict[str, str]], np.ndarray, dict[str, Any]]:
    with (shared / "stats/asah/aSAH.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    truth = np.array([r["outcome"] == "Poor" for r in rows])
    return rows, truth, json.loads((shared / "stats/asah/expected_pROC.json").read_text())


@pytest.mark.reference
@pytest.mark.parametrize("name", ["s100b", "ndka", "wfns"])
def test_proc_partial_area_and_hanley_mcneil(shared: Path, name: str) -> None:
    rows, truth, expected = read_asah(shared)
    want, scores = expected["auc"][name], np.array([float(r[name]) for r in rows])
    part = partial_auc(truth, scores, 0.9, 1.0)
    assert part.value == pytest.approx(want["pauc_spec_90_100"], rel=1e-9)
    assert part.corrected == pytest.approx(want["pauc_spec_90_100_mcclish"], rel=1e-9)
    error = hanley_mcneil_error(auc(truth, scores).value, want["n_cases"], want["n_controls"])
    assert error == pytest.approx(want["hanley_mcneil_se"], rel=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize("pair", ["s100b_vs_ndka", "wfns_vs_s100b", "wfns_vs_ndka"])
def test_proc_as_if_unpaired(shared: Path, pair: str) -> None:
    rows, truth, expected = read_asah(shared)
    first, second = (np.array([float(r[n]) for r in rows]) for n in pair.split("_vs_"))
    result, want = unpaired_test(truth, first, truth, second), expected["as_if_unpaired"][pair]
    assert [result.t, result.df, result.p] == pytest.approx([want["D"], want["df"], want["p"]], rel=1e-9)


@pytest.mark.reference
def test_proc_men_against_women_and_hand_till(shared: Path) -> None:
    rows, truth, expected = read_asah(shared)
    scores, men = np.array([float(r["s100b"]) for r in rows]), np.array([r["gender"] == "Male" for r in rows])
    result = unpaired_test(truth[men], scores[men], truth[~men], scores[~men])
    want = expected["unpaired_gender_s100b"]
    assert [result.first, result.second] == pytest.approx([want["auc_male"], want["auc_female"]], rel=1e-9)
    assert result.standard_error**2 == pytest.approx(want["var_male"] + want["var_female"], rel=1e-9)
    assert [result.t, result.df, result.p] == pytest.approx([want["D"], want["df"], want["p"]], rel=1e-9)
    classes = [r["gos6"] for r in rows]
    assert hand_till(classes, scores) == pytest.approx(expected["multiclass_hand_till_gos6_s100b"], rel=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["s100b", "ndka", "wfns"])
def test_proc_counts_at_the_youden_point(shared: Path, name: str) -> None:
    from usnet.statistics.operating import youden

    rows, truth, expected = read_asah(shared)
    scores = np.array([float(r[name]) for r in rows])
    want, best = expected["auc"][name]["youden"][0], youden(truth, scores)
    called = scores >= best.threshold
    cells = [(called & truth).sum(), (called & ~truth).sum(), (~called & ~truth).sum(), (~called & truth).sum()]
    assert cells == [want["tp"], want["fp"], want["tn"], want["fn"]]
    # pROC puts the threshold halfway between two scores
    assert scores[scores < best.threshold].max() < want["threshold"] < best.threshold


@pytest.mark.reference
def test_clusters_of_one_case_reproduce_obuchowskis_program(shared: Path) -> None:
    from usnet.statistics.clustered import clustered_auc, clustered_paired_test

    rows, truth, _ = read_asah(shared)
    file = shared / "stats/clustered/expected_aSAH_size1.json"
    want = json.loads(file.read_text())["aSAH_s100b_vs_ndka_size1"][0]
    a, b = (np.array([float(r[n]) for r in rows]) for n in ("s100b", "ndka"))
    for letter, scores in (("A", a), ("B", b)):
        one = clustered_auc(truth, scores, np.arange(truth.size))
        assert [one.value, one.variance] == pytest.approx([want[f"auc.{letter}"], want[f"auc.var.{letter}"]], rel=1e-9)
        limits = [want[f"ci.bot.{letter}"], want[f"ci.top.{letter}"]]
        assert [one.interval.low, one.interval.high] == pytest.approx(limits, abs=1e-8)
    both = clustered_paired_test(truth, a, b, np.arange(truth.size))
    assert both.difference == pytest.approx(want["auc.AminusB"], rel=1e-9)
    assert both.standard_error == pytest.approx(want["auc.se.AminusB"], rel=1e-9)
    assert both.p == pytest.approx(want["p.value"], rel=1e-9)
    limits = [want["ci.bot.AminusB"], want["ci.top.AminusB"]]
    assert [both.interval.low, both.interval.high] == pytest.approx(limits, abs=1e-8)
