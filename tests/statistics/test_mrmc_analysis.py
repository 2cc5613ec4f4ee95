from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.errors import ConfigError, DataError
from usnet.statistics.mrmc import (
    Planning,
    RoeMetz,
    Study,
    ai_against_readers,
    analyse,
    analyse_jackknife,
    custom,
    margin_test,
    power,
    sample_size,
    simulate_study,
    ustatistics,
)
from usnet.statistics.mrmc.covariance import delong_covariance, jackknife_covariance, leave_one_out, unbiased_covariance
from usnet.statistics.mrmc.merit import AUC, sensitivity
from usnet.statistics.mrmc.moments import pair_moments
from usnet.statistics.mrmc.results import Estimate
from usnet.statistics.roc import delong

quick = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10_000)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"covariance": "jackknife"},
    {"covariance": "unbiased"},
    {"readers": "fixed"},
    {"cases": "fixed"},
    {"method": "dbm"},
    {"covariance": "jackknife", "merit": "sensitivity", "threshold": 3},
]


def draw(seed: int, **options: Any) -> Study:
    return simulate_study(RoeMetz(effect=0.2), readers=3, positives=6, negatives=7, levels=6, seed=seed, **options)


def shuffled(study: Study, seed: int) -> Study:
    rng = np.random.default_rng(seed)
    names = [list(rng.permutation(n)) for n in (study.readers, study.modalities, study.cases)]
    moved = study.select(readers=names[0], modalities=sorted(study.modalities), cases=names[2])
    relabelled = [
        tuple(f"{kind}{i}" for i in range(len(n))) for kind, n in zip("rk", (names[0], names[2]), strict=True)
    ]
    return Study(relabelled[0], moved.modalities, relabelled[1], moved.truth, moved.scores)


@quick
@given(seeds, st.sampled_from(OPTIONS))
def test_names_and_order_of_readers_and_cases_do_not_matter(seed: int, options: dict[str, Any]) -> None:
    study = draw(seed)
    one, two = analyse(study, **options), analyse(shuffled(study, seed), **options)
    assert (one.test is None) == (two.test is None)
    if one.test is not None and two.test is not None:
        assert two.test.statistic == pytest.approx(one.test.statistic, rel=1e-6, abs=1e-9)
        assert two.test.p == pytest.approx(one.test.p, rel=1e-6, abs=1e-9)


@quick
@given(seeds, st.sampled_from(OPTIONS))
def test_exchanging_modalities_changes_the_sign_only(seed: int, options: dict[str, Any]) -> None:
    study = draw(seed)
    one, two = analyse(study, **options), analyse(study.select(modalities=["M2", "M1"]), **options)
    assert two.differences[0].value == pytest.approx(-one.differences[0].value, abs=1e-12)
    assert two.differences[0].p == (
        None if one.differences[0].p is None else pytest.approx(one.differences[0].p, abs=1e-9)
    )


@quick
@given(seeds, st.floats(0.2, 3))
def test_monotone_transforms_change_no_auc(seed: int, strength: float) -> None:
    study = draw(seed, missing=0.1)
    bent = Study(study.readers, study.modalities, study.cases, study.truth, np.exp(strength * study.scores))
    one, two = ustatistics(study), ustatistics(bent)
    assert two.values == pytest.approx(one.values, abs=1e-12, nan_ok=True)
    assert two.differences[0].variance == pytest.approx(one.differences[0].variance, abs=1e-12)


@quick
@given(seeds)
def test_u_statistics_do_not_depend_on_order(seed: int) -> None:
    study = draw(seed, missing=0.1)
    one, two = ustatistics(study), ustatistics(shuffled(study, seed))
    assert two.differences[0].value == pytest.approx(one.differences[0].value, abs=1e-12)
    assert two.differences[0].variance == pytest.approx(one.differences[0].variance, abs=1e-12)


@quick
@given(seeds)
def test_dbm_is_obuchowski_rockette_with_the_jackknife(seed: int) -> None:
    study = draw(seed)
    one, two = analyse(study, covariance="jackknife"), analyse(study, method="dbm")
    if one.test is None or two.test is None:
        assert one.test is two.test
        return
    assert two.test.statistic == pytest.approx(one.test.statistic, rel=1e-9)
    assert two.test.df2 == pytest.approx(one.test.df2, rel=1e-9)


@quick
@given(seeds)
def test_covariances_against_their_definitions(seed: int) -> None:
    study = draw(seed)
    flat = study.scores.reshape(6, -1)
    values, matrix = delong(study.truth, flat)
    assert delong_covariance(study.truth, flat)[1] == pytest.approx(matrix, abs=1e-14)
    slow = custom("slow AUC", lambda truth, scores: float(AUC.function(truth, scores[None])[0]))
    assert leave_one_out(study.truth, flat, slow)[1] == pytest.approx(
        leave_one_out(study.truth, flat, AUC)[1], abs=1e-12
    )
    without = leave_one_out(study.truth, flat, AUC)[1]
    n = without.shape[1]
    expected = (n - 1) ** 2 / n * np.cov(without)
    assert jackknife_covariance(values, without)[1] == pytest.approx(expected, abs=1e-14)
    hit = flat[:, study.truth] >= 3
    assert jackknife_covariance(*leave_one_out(study.truth, flat, sensitivity(3)))[1] == pytest.approx(
        np.cov(hit) / hit.shape[1], abs=1e-14
    )


def brute_moments(truth: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The eight unbiased moments by loops over all pairs of pairs."""
    negative, positive = np.flatnonzero(~truth), np.flatnonzero(truth)

    def kernel(scores: np.ndarray) -> list[tuple[int, int, int, float]]:
        found = []
        for r in range(scores.shape[0]):
            for i in negative:
                for j in positive:
                    difference = scores[r, j] - scores[r, i]
                    if not np.isnan(difference):
                        found.append((r, i, j, float(difference > 0) + 0.5 * float(difference == 0)))
        return found

    top, bottom = np.zeros(8), np.zeros(8)
    for r, i, j, a in kernel(one):
        for s, k, m, b in kernel(two):
            place = 4 * (r != s) + (i != k) + 2 * (j != m)
            top[place] += a * b
            bottom[place] += 1
    return top / bottom


@settings(max_examples=4, deadline=None)
@given(seeds)
def test_moments_against_all_pairs(seed: int) -> None:
    study = simulate_study(readers=3, positives=4, negatives=4, levels=4, missing=0.1, seed=seed)
    found = pair_moments(study.truth, study.scores[0], study.scores[1]).total.moments
    assert found == pytest.approx(brute_moments(study.truth, study.scores[0], study.scores[1]), abs=1e-12, nan_ok=True)


@quick
@given(seeds)
def test_unbiased_covariance_is_that_of_the_u_statistics(seed: int) -> None:
    study = draw(seed, missing=0.1)
    flat = study.scores.reshape(6, -1)
    _, matrix = unbiased_covariance(study.truth, flat)
    result = ustatistics(study)
    assert np.diag(matrix)[:3] == pytest.approx(result.variances[0], abs=1e-13)
    own = result.variances[0] + result.variances[1] - 2 * matrix[[0, 1, 2], [3, 4, 5]]
    assert result.difference_variances[0] == pytest.approx(own, abs=1e-13)
    assert unbiased_covariance(study.truth, flat, budget=1)[1] == pytest.approx(matrix, abs=1e-13)


def test_nested_designs_share_nothing_between_blocks() -> None:
    split = analyse(simulate_study(design="cases nested in reader", seed=1))
    assert split.components.cov2 is None
    assert split.components.cov3 is None
    assert split.test.df2 == pytest.approx(4)
    within = analyse(simulate_study(design="cases nested in modality", seed=1))
    assert within.components.cov1 is None
    assert within.components.cov3 is None
    people = analyse(simulate_study(design="readers nested in modality", seed=1))
    assert people.components.cov1 is None
    assert people.components.reader is None
    assert people.test.df2 >= 8
    assert np.isnan(people.values).sum() == 10


def test_readers_nested_in_modality_by_hand() -> None:
    study = simulate_study(design="readers nested in modality", readers=4, seed=3)
    result = analyse(study)
    rows = [row[~np.isnan(row)] for row in result.values]
    within = np.mean([row.var(ddof=1) for row in rows])
    between = 4 * np.var([row.mean() for row in rows], ddof=1)
    gap = max(result.components.cov2 - result.components.cov3, 0)
    assert result.test.statistic == pytest.approx(between / (within + 4 * gap))
    assert result.test.df2 == pytest.approx((within + 4 * gap) ** 2 / (within**2 / 6))


def test_a_gap_below_zero_is_truncated_and_told() -> None:
    for seed in range(60):
        result = analyse(simulate_study(RoeMetz(modality_case=0, error=0.5), readers=3, seed=seed))
        if result.components.cov2 < result.components.cov3:
            assert result.test.df2 == pytest.approx(2)
            assert any("taken as 0" in note for note in result.notes)
            return
    pytest.fail("no study with Cov2 < Cov3 in 60")


def test_negative_variance_of_a_difference_is_not_estimable() -> None:
    for seed in range(200):
        study = simulate_study(
            RoeMetz(modality_reader=0, modality_case=0), readers=2, positives=6, negatives=6, seed=seed
        )
        one = ustatistics(study).differences[0]
        if one.variance < 0:
            assert one.p is None
            assert one.interval is None
            assert one.df is None
            assert one.variance_mle > 0
            assert one.mle.interval is not None
            assert "not estimable" in ustatistics(study).sentence()
            return
    pytest.fail("no negative variance in 200 studies")


@quick
@given(seeds)
def test_centring_changes_nothing_in_a_balanced_study(seed: int) -> None:
    one, two = ustatistics(draw(seed)), ustatistics(draw(seed), centre=True)
    for plain, centred in zip((*one.means, *one.differences), (*two.means, *two.differences), strict=True):
        assert centred.value == pytest.approx(plain.value, abs=1e-12)
        assert centred.variance == pytest.approx(plain.variance, abs=1e-12)
        assert centred.variance_mle == pytest.approx(plain.variance_mle, abs=1e-12)
    assert two.variances == pytest.approx(one.variances, abs=1e-12)


def test_centring_steadies_the_variance_where_readings_are_missing() -> None:
    spread = []
    for centre in (False, True):
        studies = (simulate_study(missing=0.2, positives=25, negatives=25, seed=seed) for seed in range(40))
        spread.append(np.array([ustatistics(s, centre=centre).differences[0].variance for s in studies]))
    assert spread[1].std() < spread[0].std() / 1.5
    assert spread[1].mean() == pytest.approx(spread[0].mean(), rel=0.5)
    assert (spread[1] > 0).all()
    assert (spread[0] < 0).any()


def test_perfect_readers_give_no_interval() -> None:
    study = simulate_study(readers=3, positives=5, negatives=5)
    perfect = np.broadcast_to(np.where(study.truth, 1.0, 0.0), study.scores.shape)
    result = analyse(Study(study.readers, study.modalities, study.cases, study.truth, perfect))
    assert result.test is None
    assert result.differences[0].p is None
    assert not result.means[0].estimable
    assert "not estimable" in result.sentence()
    assert any("perfectly" in note for note in result.notes)


def test_options_that_cannot_be() -> None:
    study = draw(1)
    for options in (
        {"readers": "fixed", "cases": "fixed"},
        {"covariance": "delong", "merit": "sensitivity", "threshold": 3},
        {"merit": "sensitivity", "covariance": "jackknife"},
        {"merit": "beauty"},
        {"method": "magic"},
        {"covariance": "bootstrap"},
        {"method": "dbm", "readers": "fixed"},
    ):
        with pytest.raises(ConfigError):
            analyse(study, **options)
    with pytest.raises(ConfigError):
        ustatistics(study, merit="beauty")
    with pytest.raises(DataError):
        analyse_jackknife(np.zeros((2, 3)), np.full((2, 3, 4), np.nan))


def test_one_modality_and_sentences_name_the_method() -> None:
    study = draw(3).select(modalities=["M1"])
    result = analyse(study)
    assert result.test is None
    assert result.differences == ()
    assert result.means[0].estimable
    text = analyse(draw(3)).sentence()
    assert "Obuchowski-Rockette method and DeLong covariance, readers random and cases random" in text
    assert "3 readers and 13 cases (6 with and 7 without the condition)" in text
    assert "U-statistics (Gallas" in ustatistics(draw(3)).sentence()


def test_three_modalities_give_three_differences() -> None:
    result = analyse(simulate_study(modalities=3, seed=1))
    assert [d.label for d in result.differences] == ["M1 - M2", "M1 - M3", "M2 - M3"]
    assert result.test.df1 == 2
    assert len(ustatistics(simulate_study(modalities=3, seed=1)).differences) == 3


def test_ai_against_readers_checks_its_input() -> None:
    study = draw(2)
    ai = dict(zip(study.cases, np.linspace(0, 1, 13), strict=True))
    with pytest.raises(DataError, match="modalities"):
        ai_against_readers(study, ai)
    result = ai_against_readers(study, ai, modality="M2")
    assert result.values == pytest.approx(analyse(study).values[1])
    again = ai_against_readers(study, list(ai.values()), modality="M2")
    assert again.difference == result.difference
    with pytest.raises(DataError, match="no score of case 'C3'"):
        ai_against_readers(study, {k: v for k, v in ai.items() if k != "C3"}, modality="M1")
    with pytest.raises(DataError, match="NaN"):
        ai_against_readers(study, np.full(13, np.nan), modality="M1")
    assert 0 <= result.ai_reaches <= 3
    assert "1T-RRRC" in result.sentence()


def test_power_grows_and_the_smallest_size_is_the_smallest() -> None:
    plan = Planning(0.0002, 0.0008, 0.00035, 0.00034, 0.00024, 114)
    assert power(plan, readers=6, cases=200, effect=0.05).power < power(plan, readers=8, cases=200, effect=0.05).power
    size = sample_size(plan, readers=6, effect=0.05)
    assert size.power >= 0.8 > power(plan, readers=6, cases=size.cases - 1, effect=0.05).power
    by_readers = sample_size(plan, cases=100, effect=0.05)
    assert by_readers.power >= 0.8 > power(plan, readers=by_readers.readers - 1, cases=100, effect=0.05).power
    assert sample_size(plan, readers=3, effect=0.005) is None
    assert "taken as 0" in power(Planning(-0.1, 0.1, 0, 0, 0, 9), readers=3, cases=9, effect=0.1).sentence()
    for wrong in ({"readers": 5, "cases": 5}, {}):
        with pytest.raises(ConfigError):
            sample_size(plan, effect=0.05, **wrong)
    with pytest.raises(ConfigError):
        power(plan, readers=1, cases=100, effect=0.05)


def test_margins() -> None:
    difference = analyse(draw(5)).differences[0]
    wide = margin_test(difference, 1.0)
    assert wide.shown is True
    assert "Non-inferiority of M1 - M2" in wide.sentence()
    turned = margin_test(difference, 0.05, reverse=True)
    assert turned.difference == -difference.value
    assert turned.label == "M2 - M1"
    assert turned.lower == pytest.approx(-difference.interval.high)
    same = margin_test(difference, 0.05, kind="equivalence")
    assert same.p >= margin_test(difference, 0.05).p
    unknown = margin_test(Estimate("a - b", 0.1, None, None, None), 0.05)
    assert unknown.shown is None
    assert "not estimable" in unknown.sentence()
    with pytest.raises(ConfigError):
        margin_test(difference, 0)
