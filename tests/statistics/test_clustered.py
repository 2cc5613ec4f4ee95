from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.statistics.bootstrap import Resampler, cluster_bootstrap, weighted_mean
from usnet.statistics.clustered import clustered_auc, clustered_covariance, clustered_paired_test
from usnet.statistics.roc import auc, delong, weighted_auc


@given(st.integers(0, 10_000), st.integers(5, 40))
def test_clusters_of_one_are_delong(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    scores = np.stack([rng.integers(0, 6, n) + truth, rng.normal(size=n) + truth])
    groups = rng.permutation(n)
    plain, clustered = delong(truth, scores), clustered_covariance(truth, scores, groups)
    assert clustered[0] == pytest.approx(plain[0])
    assert clustered[1] == pytest.approx(plain[1], abs=1e-12)
    assert clustered_auc(truth, scores[0], groups).interval == auc(truth, scores[0]).interval or np.isclose(
        clustered_auc(truth, scores[0], groups).interval.low, auc(truth, scores[0]).interval.low
    )


def test_repeating_every_case_does_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(60) < 25
    scores = truth + rng.normal(size=60)
    once = auc(truth, scores)
    four = clustered_auc(np.repeat(truth, 4), np.repeat(scores, 4), np.repeat(np.arange(60), 4))
    assert four.value == pytest.approx(once.value)
    assert four.variance == pytest.approx(once.variance, rel=1e-9)
    assert auc(np.repeat(truth, 4), np.repeat(scores, 4)).variance < once.variance / 3


def test_names_of_groups_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    truth, groups = rng.random(50) < 0.4, rng.integers(0, 12, 50)
    scores = truth + rng.normal(size=50)
    renamed = np.array([f"patient {97 - g}" for g in groups])
    assert clustered_auc(truth, scores, groups).variance == pytest.approx(
        clustered_auc(truth, scores, renamed).variance
    )


def test_too_few_clusters() -> None:
    result = clustered_auc([True, True, False, False], [4, 3, 2, 1], ["a", "a", "b", "c"])
    assert result.value == 1
    assert result.interval is None
    with pytest.raises(ValueError, match="two clusters"):
        clustered_covariance([True, True, False], [1, 2, 3], ["a", "a", "b"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("truth", [[True, True, True], [False, False, False], []])
def test_one_class_is_refused_without_arithmetic_on_nothing(truth: list[bool]) -> None:
    scores, groups = list(range(len(truth))), list("abc")[: len(truth)]
    with pytest.raises(ValueError, match="two clusters"):
        clustered_covariance(truth, scores, groups)
    with pytest.raises(ValueError, match="two clusters"):
        clustered_paired_test(truth, scores, scores, groups)


def test_perfect_separation_is_bounded_by_clusters_not_images() -> None:
    truth = np.repeat([True, False], 40)
    result = clustered_auc(truth, truth.astype(float), np.arange(80) // 8)
    assert result.interval.low == pytest.approx(0.025 ** (1 / 5))


@pytest.mark.reference
def test_mitotic_counts(shared: Path) -> None:
    folder = shared / "stats/clustered"
    with next(folder.glob("mitotic*.csv")).open() as stream:
        rows = list(csv.DictReader(stream))
    expected = json.loads((folder / "expected_mitotic.json").read_text())
    observers = [f"observer.{k}" for k in range(1, 6)]

    def arm(name: str) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
        chosen = [r for r in rows if r["modalityID"] == name]
        scores = np.array([[float(r[o]) for r in chosen] for o in observers])
        truth = np.array([r["truth"] == "1" for r in chosen])
        return (
            truth,
            np.vstack([scores, scores.sum(axis=0)]),
            [r["wsiName"] for r in chosen],
            [r["targetID"] for r in chosen],
        )

    for name in ("scanner.A", "scanner.B", "scanner.C", "scanner.D", "microscope"):
        truth, scores, groups, _ = arm(name)
        for row, key in zip(scores, [*observers, "rsum"], strict=True):
            result = clustered_auc(truth, row, groups)
            assert result.value == pytest.approx(expected[name][key]["auc"], rel=1e-9)
            assert result.variance == pytest.approx(expected[name][key]["auc.var"], rel=1e-9)
            plain = delong(truth, row)[1][0, 0]
            assert plain == pytest.approx(expected[name][key]["delong_ignoring_clusters_var"], rel=1e-9)
    truth, a, groups, targets = arm("scanner.A")
    other_truth, b, _, others = arm("scanner.B")
    place = [others.index(t) for t in targets]
    assert (other_truth[place] == truth).all()
    for row, key in ((0, "observer.1"), (5, "rsum")):
        want = expected[f"paired_scanner.A_scanner.B_{key}"][0]
        result = clustered_paired_test(truth, a[row], b[row][place], groups)
        assert abs(result.difference) == pytest.approx(want["auc.AminusB"], rel=1e-9)
        assert result.standard_error == pytest.approx(want["auc.se.AminusB"], rel=1e-9)
        assert result.p == pytest.approx(want["p.value"], rel=1e-8)


@pytest.mark.reference
def test_reader_study_clustered_by_patient(shared: Path) -> None:
    folder = shared / "stats/readerstudy_synth"
    with (folder / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    expected = json.loads((folder / "expected_R.json").read_text())["AI_auc_clustered_by_patient"]
    result = clustered_auc(
        [r["truth"] == "1" for r in rows], [float(r["ai_score"]) for r in rows], [r["patient"] for r in rows]
    )
    assert result.value == pytest.approx(expected["auc"], rel=1e-9)
    assert result.variance == pytest.approx(expected["auc.var"], rel=1e-9)
    assert result.interval.low == pytest.approx(expected["ci.bot"], abs=1e-8)


def test_bootstrap_is_seeded_and_keeps_groups_together() -> None:
    groups = np.repeat(np.arange(15), 3)
    first, again = Resampler(groups, 40, seed=5, chunk=7), Resampler(groups, 40, seed=5, chunk=64)
    weights = np.concatenate(list(first.weights()))
    assert (weights == np.concatenate(list(again.weights()))).all()
    assert (weights.reshape(40, 15, 3) == weights.reshape(40, 15, 3)[:, :, :1]).all()
    assert (weights.sum(axis=1) == 45).all()


def test_bootstrap_of_a_mean_has_the_standard_error() -> None:
    data = np.random.default_rng(0).normal(size=400)
    result = cluster_bootstrap(weighted_mean(data), np.arange(400), n=3000, seed=1)
    assert result.draws.std() == pytest.approx(data.std() / 20, rel=0.06)
    assert result.interval().low < data.mean() < result.interval().high


def test_clustered_data_give_a_wider_bootstrap_interval() -> None:
    rng = np.random.default_rng(4)
    truth = np.repeat(np.arange(40) < 16, 5)
    scores = truth + np.repeat(rng.normal(size=40), 5) + 0.1 * rng.normal(size=200)

    def width(groups: np.ndarray) -> float:
        interval = cluster_bootstrap(lambda w: weighted_auc(truth, scores, w), groups, 400, 2).interval()
        return interval.high - interval.low

    clustered = clustered_auc(truth, scores, np.repeat(np.arange(40), 5)).interval
    assert width(np.repeat(np.arange(40), 5)) > 1.6 * width(np.arange(200))
    assert width(np.repeat(np.arange(40), 5)) == pytest.approx(clustered.high - clustered.low, rel=0.25)


def test_an_interval_needs_draws_with_a_value() -> None:
    assert cluster_bootstrap(weighted_mean(np.full(5, np.nan)), np.arange(5), 50).interval() is None
    assert cluster_bootstrap(weighted_mean(np.ones(5)), np.arange(5), 0).interval() is None
