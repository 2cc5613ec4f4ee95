from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from usnet.statistics.operating import sensitivity_at, youden
from usnet.statistics.roc import auc, delong, paired_test, placements, roc_curve, weighted_auc


def brute_force(truth: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """AUC and DeLong's variance from all pairs."""
    x, y = scores[truth], scores[~truth]
    wins = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    return wins.mean(), v10.var(ddof=1) / len(x) + v01.var(ddof=1) / len(y)


@st.composite
def studies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    truth = np.array([*draw(st.lists(st.booleans(), min_size=2, max_size=40)), True, True, False, False])
    scores = draw(hnp.arrays(np.float64, truth.size, elements=st.integers(-8, 8).map(float)))
    return truth, scores


@given(studies())
def test_delong_agrees_with_all_pairs(study: tuple[np.ndarray, np.ndarray]) -> None:
    values, covariance = delong(*study)
    expected = brute_force(*study)
    assert values[0] == pytest.approx(expected[0], abs=1e-12)
    assert covariance[0, 0] == pytest.approx(expected[1], abs=1e-12)


@given(studies())
def test_auc_by_sorting_equals_delong(study: tuple[np.ndarray, np.ndarray]) -> None:
    values, covariance = delong(*study)
    here = auc(*study)
    assert here.value == pytest.approx(values[0], abs=1e-12)
    assert here.variance == pytest.approx(covariance[0, 0], abs=1e-12)


@given(studies())
def test_auc_invariances(study: tuple[np.ndarray, np.ndarray]) -> None:
    truth, scores = study
    here = auc(truth, scores)
    assert auc(truth, np.exp(scores / 3)).value == pytest.approx(here.value, abs=1e-12)
    assert auc(~truth, scores).value == pytest.approx(1 - here.value, abs=1e-12)
    assert auc(truth, -scores).variance == pytest.approx(here.variance, abs=1e-12)
    order = np.random.default_rng(0).permutation(truth.size)
    assert auc(truth[order], scores[order]).value == pytest.approx(here.value, abs=1e-12)


@given(studies())
def test_area_of_the_curve_is_the_auc(study: tuple[np.ndarray, np.ndarray]) -> None:
    curve = roc_curve(*study)
    assert np.trapezoid(curve.sensitivity, 1 - curve.specificity) == pytest.approx(auc(*study).value, abs=1e-12)
    assert (np.diff(curve.thresholds) < 0).all()


@settings(max_examples=30)
@given(studies(), st.integers(0, 1000))
def test_weights_equal_repeated_cases(study: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    truth, scores = study
    weights = np.random.default_rng(seed).integers(0, 3, size=(4, truth.size)).astype(float)
    result = weighted_auc(truth, scores, weights)
    for row, value in zip(weights.astype(int), result, strict=True):
        again = auc(np.repeat(truth, row), np.repeat(scores, row)).value
        assert np.isnan(value) if again is None else value == pytest.approx(again, abs=1e-12)


def test_degenerate_cases_are_flagged_and_bounded() -> None:
    truth = np.array([True] * 10 + [False] * 12)
    perfect = auc(truth, truth.astype(float))
    assert perfect.flags == ("perfect",)
    assert perfect.interval.low == pytest.approx(0.025 ** (1 / 10))
    assert perfect.interval.high == 1
    wrong = auc(truth, -truth.astype(float))
    assert wrong.interval.high == pytest.approx(1 - perfect.interval.low)
    constant = auc(truth, np.zeros(22))
    assert constant.flags == ("constant",)
    assert constant.value == 0.5
    assert constant.interval.low < 0.4
    assert auc(np.ones(4, bool), np.arange(4)).value is None
    single = auc([True, False, False], [2, 1, 3])
    assert single.value == 0.5
    assert single.interval is None
    assert single.flags == ("too few",)


def test_logit_interval_stays_inside() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(30) < 8
    scores = truth * 2.2 + rng.normal(size=30)
    plain, logit = auc(truth, scores), auc(truth, scores, scale="logit")
    assert 0 < logit.interval.low < plain.value < logit.interval.high < 1
    assert logit.interval.method == "DeLong, logit"


def test_a_score_against_itself_has_no_p_value() -> None:
    truth = np.array([True, True, False, False, True])
    same = paired_test(truth, [3, 2, 1, 2, 5], [3, 2, 1, 2, 5])
    assert same.difference == 0
    assert same.p is None


def test_nan_and_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        auc([True, False], [np.nan, 1])
    with pytest.raises(ValueError, match="shape"):
        placements([True, False], [1, 2, 3])


def read_asah(shared: Path) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Any]]:
    with (shared / "stats/asah/aSAH.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    truth = np.array([r["outcome"] == "Poor" for r in rows])
    scores = {name: np.array([float(r[name]) for r in rows]) for name in ("s100b", "ndka", "wfns")}
    return truth, scores, json.loads((shared / "stats/asah/expected_pROC.json").read_text())


@pytest.mark.reference
@pytest.mark.parametrize("name", ["s100b", "ndka", "wfns"])
def test_proc_curve_auc_and_youden(shared: Path, name: str) -> None:
    truth, scores, expected = read_asah(shared)
    want = expected["auc"][name]
    result = auc(truth, scores[name])
    assert result.value == pytest.approx(want["auc"], rel=1e-12)
    assert result.variance == pytest.approx(want["var_delong"], rel=1e-9)
    assert [result.interval.low, result.interval.high] == pytest.approx(want["ci95"], abs=1e-8)
    ninety = auc(truth, scores[name], level=0.9).interval
    assert [ninety.low, ninety.high] == pytest.approx(want["ci90"], abs=1e-8)
    curve = roc_curve(truth, scores[name])
    assert curve.sensitivity[::-1] == pytest.approx(want["roc"]["sensitivities"], abs=1e-12)
    assert curve.specificity[::-1] == pytest.approx(want["roc"]["specificities"], abs=1e-12)
    best = youden(truth, scores[name])
    assert best.sensitivity.value == pytest.approx(want["youden"][0]["sensitivity"])
    assert best.specificity.value == pytest.approx(want["youden"][0]["specificity"])
    assert best.sensitivity.numerator == want["youden"][0]["tp"]


@pytest.mark.reference
@pytest.mark.parametrize("pair", ["s100b_vs_ndka", "wfns_vs_s100b", "wfns_vs_ndka"])
def test_proc_paired_delong(shared: Path, pair: str) -> None:
    truth, scores, expected = read_asah(shared)
    first, second = (scores[name] for name in pair.split("_vs_"))
    want, result = expected["paired"][pair], paired_test(truth, first, second)
    assert result.z == pytest.approx(want["z"], rel=1e-9)
    assert result.p == pytest.approx(want["p"], rel=1e-9)
    assert [result.interval.low, result.interval.high] == pytest.approx(want["ci_diff"], abs=1e-8)
    assert delong(truth, np.stack([first, second]))[1][0, 1] == pytest.approx(want["cov_delong"], rel=1e-9)


def test_sensitivity_at_a_fixed_specificity() -> None:
    truth = np.array([False] * 10 + [True] * 5)
    scores = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2.5, 7.5, 8.5, 9.5, 10])
    point = sensitivity_at(truth, scores, 0.9)
    assert (point.threshold, point.sensitivity.numerator, point.specificity.numerator) == (8.5, 3, 9)
    point = sensitivity_at(truth, scores, 0.8)
    assert (point.threshold, point.sensitivity.numerator, point.specificity.numerator) == (7.5, 4, 8)
    assert sensitivity_at([True], [1.0], 0.9) is None
    for target in (0, 0.5, 1):
        assert sensitivity_at(truth, scores, target).specificity.value >= target
