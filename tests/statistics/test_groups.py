from __future__ import annotations

import csv
import itertools
import json
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.statistics.groups import (
    anova,
    describe,
    kruskal_wallis,
    mann_whitney,
    one_against_group,
    welch_anova,
    welch_t,
)
from usnet.statistics.groups_counts import chi_square, cochran_q, fisher, mcnemar
from usnet.statistics.groups_pairs import benjamini_hochberg, dunn, games_howell, holm, tukey
from usnet.statistics.groups_trend import jonckheere
from usnet.statistics.rank_sum import reachable_exact
from usnet.statistics.rates import Counts
from usnet.statistics.roc import auc
from usnet.statistics.twobytwo import difference_limits, matthews, measures

SMALL = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=5)


def by_enumeration(x: list[float], y: list[float]) -> float:
    """Exact two-sided Mann-Whitney p from all ways to choose the first group."""
    pooled = np.array(x + y)
    ranks = np.array([(pooled < v).sum() + ((pooled == v).sum() + 1) / 2 for v in pooled])
    sums = np.array([ranks[list(c)].sum() for c in itertools.combinations(range(pooled.size), len(x))])
    seen = ranks[: len(x)].sum()
    return min(1.0, 2 * min((sums <= seen + 1e-9).mean(), (sums >= seen - 1e-9).mean()))


@settings(max_examples=60)
@given(SMALL, SMALL)
def test_exact_mann_whitney_with_ties_is_the_enumeration(x: list[float], y: list[float]) -> None:
    result = mann_whitney(x, y)
    assert result.p == pytest.approx(by_enumeration(x, y))
    assert mann_whitney(y, x).p == pytest.approx(result.p)
    assert mann_whitney(np.exp(x), np.exp(y)).p == pytest.approx(result.p)


@given(st.integers(0, 5000))
def test_mann_whitney_effect_is_the_auc(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, 12).astype(float), rng.integers(0, 6, 9).astype(float)
    truth = np.arange(21) < 12
    assert mann_whitney(x, y).effect == pytest.approx(auc(truth, np.concatenate([x, y])).value)


def test_the_normal_approximation_takes_over_and_is_near() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=60), rng.normal(0.4, 1, size=70)
    auto, exact = mann_whitney(x, y), mann_whitney(x, y, method="exact")
    assert "normal" in auto.test
    assert "exact" in exact.test
    assert auto.p == pytest.approx(exact.p, rel=0.05)
    assert mann_whitney([1.0] * 60, [1.0] * 60).p is None


def test_a_single_value_can_only_give_few_p_values() -> None:
    assert reachable_exact(1, 2).tolist() == pytest.approx([2 / 3, 1])
    assert reachable_exact(1, 6).tolist() == pytest.approx([2 / 7, 4 / 7, 6 / 7, 1])
    assert reachable_exact(1, 69).min() == pytest.approx(2 / 70)
    assert reachable_exact(5, 4).min() == pytest.approx(2 / comb(9, 4))


def test_sd_and_se_are_told_apart() -> None:
    d = describe([86.0, 87.0])
    assert (d.mean, d.se) == (86.5, pytest.approx(0.5))
    assert d.sd == pytest.approx(0.5 * np.sqrt(2))
    assert d.interval.high - d.mean == pytest.approx(6.353, abs=5e-4)
    one = describe([5.0])
    assert (one.sd, one.se, one.interval) == (None, None, None)
    assert describe([2.0, 2.0]).interval is None


def test_one_score_against_a_group_is_two_questions() -> None:
    noise = np.random.default_rng(1).normal(size=69)
    group = 65.88 + 13.46 * (noise - noise.mean()) / noise.std(ddof=1)
    member, mean = one_against_group(91, group)
    assert member.statistic == pytest.approx(1.853, abs=1e-3)
    assert member.p == pytest.approx(0.068, abs=1e-3)
    assert mean.statistic == pytest.approx(15.5, abs=0.05)
    assert [t.p for t in one_against_group(91, [70.0, 70.0])] == [None, None]


@given(st.integers(0, 5000))
def test_names_and_units_of_groups_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [rng.normal(m, 1 + m, 8) for m in (0, 0.5, 1)]
    for test in (kruskal_wallis, anova, welch_anova):
        here = test(groups)
        assert test(groups[::-1]).p == pytest.approx(here.p)
        assert test([3 + 7 * g for g in groups]).statistic == pytest.approx(here.statistic)


def test_two_groups_make_welchs_anova_the_square_of_welchs_t() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=9), rng.normal(1, 3, size=14)
    t, f = welch_t(x, y), welch_anova([x, y])
    assert f.statistic == pytest.approx(t.statistic**2)
    assert f.p == pytest.approx(t.p)
    assert games_howell({"x": x, "y": y})[0].p == pytest.approx(t.p, abs=1e-9)


def test_jonckheere_sees_a_trend_and_its_variance_is_right() -> None:
    rng = np.random.default_rng(4)
    rising = jonckheere([rng.normal(m, 1, 15) for m in (0, 0.5, 1, 1.5)])
    assert rising.p < 0.001
    assert rising.effect > 0
    pooled, sizes = rng.integers(0, 4, 18).astype(float), [5, 9]
    js = [jonckheere(np.split(rng.permutation(pooled), sizes)).statistic for _ in range(4000)]
    one = jonckheere(np.split(pooled, sizes))
    z = float(one.note.split("=")[1])
    mean = (5 * 4 + 5 * 9 + 4 * 9) / 2
    assert np.std(js) == pytest.approx((one.statistic - mean) / z, rel=0.05)
    assert jonckheere([[1.0, 1.0], [1.0, 1.0]]).p is None


def test_two_groups_make_jonckheere_the_uncorrected_mann_whitney() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.integers(0, 5, 20).astype(float), rng.integers(1, 6, 25).astype(float)
    assert jonckheere([x, y]).p == pytest.approx(mann_whitney(x, y, method="normal, uncorrected").p)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_are_larger_and_keep_their_order(p: list[float]) -> None:
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p)
        assert (adjusted >= np.array(p) - 1e-15).all()
        assert (adjusted <= 1).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-15).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()


def test_dunn_of_two_groups_is_the_uncorrected_mann_whitney() -> None:
    x, y = [1.0, 2, 2, 5, 7], [2.0, 4, 6, 8, 8, 9]
    assert dunn({"x": x, "y": y})[0].p == pytest.approx(mann_whitney(x, y, method="normal, uncorrected").p)
    assert dunn({"x": [1.0, 1.0], "y": [1.0]})[0].p is None


def test_cochrans_q_of_two_readers_is_mcnemar() -> None:
    rng = np.random.default_rng(8)
    correct = (rng.random((60, 2)) < (0.7, 0.85)).astype(int)
    table = [[((correct[:, 0] == i) & (correct[:, 1] == j)).sum() for j in (1, 0)] for i in (1, 0)]
    q, m = cochran_q(correct), mcnemar(table, exact=False)
    assert [q.statistic, q.p] == pytest.approx([m.statistic, m.p])
    assert cochran_q(np.ones((5, 3))).p is None


def test_counts_that_no_test_can_use() -> None:
    assert chi_square([[3, 0], [4, 0]]).p is None
    assert mcnemar([[5, 0], [0, 3]]).p is None
    assert fisher([[5, 0], [0, 5]]).effect is None
    assert "below 5" in chi_square([[3, 2], [1, 4]]).note
    for bad in ([[1, 2]], [[1.5, 2], [3, 4]], [[-1, 2], [3, 4]]):
        with pytest.raises(ValueError, match="whole numbers"):
            chi_square(bad)
    with pytest.raises(ValueError, match="0 and 1"):
        cochran_q([[0, 2]])


@pytest.mark.parametrize("bad", [[], [1.0, np.nan], [np.inf]])
def test_bad_groups_are_refused(bad: list[float]) -> None:
    for call in (describe, lambda g: mann_whitney(g, [1.0]), lambda g: kruskal_wallis([g, [1.0]])):
        with pytest.raises(ValueError, match=r"at least one value|not finite"):
            call(bad)


def test_matthews_variance_agrees_with_simulation() -> None:
    rng = np.random.default_rng(9)
    p = np.array([0.35, 0.1, 0.08, 0.47])
    values = [matthews(Counts(*map(float, t))).value for t in rng.multinomial(500, p, size=3000)]
    limits = matthews(Counts(*(500 * p))).interval
    assert np.std(values) == pytest.approx((limits.high - limits.low) / (2 * 1.959964), rel=0.05)


def test_measures_of_a_table_with_an_empty_cell_say_so() -> None:
    found = {m.name: m for m in measures(Counts(5, 0, 2, 8))}
    assert found["LR+"].value is None
    assert found["DOR"].value is None
    assert found["LR-"].value == pytest.approx(2 / 7)
    assert found["Youden"].value == pytest.approx(5 / 7)
    assert {m.value for m in measures(Counts(0, 0, 0, 4))} == {None}
    for name in ("LR+", "DOR"):
        assert "0" in found[name].note


def read(shared: Path) -> tuple[dict[str, Any], dict[str, list[float]]]:
    folder = shared / "stats/basic"
    with (folder / "airquality_ozone.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    months = {m: [float(r["Ozone"]) for r in rows if r["Month"] == m] for m in "56789"}
    return json.loads((folder / "expected_basic_R.json").read_text()), months


@pytest.mark.reference
def test_r_tests_of_values(shared: Path) -> None:
    expected, months = read(shared)
    x = list(months.values())
    want = expected["kruskal_airquality"]
    result = kruskal_wallis(x)
    assert [result.statistic, *result.df, result.p] == pytest.approx(list(want.values()), rel=1e-9)
    want = expected["anova_airquality"]
    result = anova(x)
    assert [result.statistic, result.p, *result.df] == pytest.approx([want["F"], want["p"], *want["df"]], rel=1e-9)
    want = expected["welch_anova_airquality"]
    result = welch_anova(x)
    assert [result.statistic, result.p, *result.df] == pytest.approx([want["F"], want["p"], *want["df"]], rel=1e-9)
    want = expected["welch_t_may_aug"]
    result = welch_t(months["5"], months["8"])
    assert [result.statistic, *result.df, result.p] == pytest.approx([want["t"], want["df"], want["p"]], rel=1e-9)
    assert [result.interval.low, result.interval.high] == pytest.approx(want["ci"], abs=1e-8)
    want = expected["mwu_may_aug"]
    for method, key in (("normal", "p_asym_cc"), ("normal, uncorrected", "p_asym")):
        result = mann_whitney(months["5"], months["8"], method=method)
        assert [result.statistic, result.p] == pytest.approx([want["U_cc"], want[key]], rel=1e-9)
    want = expected["mwu_exact"]
    result = mann_whitney(want["x"], want["y"])
    assert [result.statistic, result.p] == pytest.approx([want["W"], want["p_two_sided_exact"]], rel=1e-9)


@pytest.mark.reference
def test_r_pairs(shared: Path) -> None:
    expected, months = read(shared)
    for pair in tukey(months):
        want = expected["tukey_airquality"][f"{pair.second}-{pair.first}"]
        ours = [-pair.difference, -pair.interval.high, -pair.interval.low, pair.p]
        assert ours == pytest.approx(list(want.values()), rel=1e-6, abs=1e-6)
    adjust = expected["p_adjust"]
    assert holm(adjust["p"]) == pytest.approx(adjust["holm"])
    assert benjamini_hochberg(adjust["p"]) == pytest.approx(adjust["BH"])


@pytest.mark.reference
@pytest.mark.parametrize("name", ["AI_vs_expertA_correct", "AI_vs_expertB_correct", "AI_vs_experts_pooled"])
def test_r_tests_of_counts(shared: Path, name: str) -> None:
    want = read(shared)[0][name]
    table = want["table"]
    for key, yates in (("chisq_nocorr", False), ("chisq_yates", True)):
        result = chi_square(table, yates=yates)
        assert [result.statistic, *result.df, result.p] == pytest.approx(list(want[key].values()), rel=1e-9)
    result = fisher(table)
    assert result.p == pytest.approx(want["fisher"]["p"], rel=1e-9)
    ours = [result.effect, result.interval.low, result.interval.high]
    assert ours == pytest.approx([want["fisher"]["or_cmle"], *want["fisher"]["ci"]], abs=1e-3)
    (a, b), (c, d) = table
    limits = difference_limits(a, a + b, c, c + d, method="wald")[1:]
    assert limits == pytest.approx(want["prop_diff_ci_wald"], abs=1e-8)


@pytest.mark.reference
def test_r_mcnemar_and_measures(shared: Path) -> None:
    expected = read(shared)[0]
    want = expected["mcnemar"]
    corrected = mcnemar(want["table"], exact=False, correction=True)
    assert [corrected.statistic, corrected.p] == pytest.approx([want["stat_cc"], want["p_cc"]], rel=1e-9)
    assert mcnemar(want["table"], exact=False).p == pytest.approx(want["p_nocc"], rel=1e-9)
    assert mcnemar(want["table"]).p == pytest.approx(want["p_exact"], rel=1e-9)
    names = {"LR+": "lr_pos", "LR-": "lr_neg", "DOR": "dor", "Youden": "youden", "MCC": "mcc"}
    for table in expected["table2"].values():
        for measure in measures(Counts(**table["counts"])):
            assert measure.value == pytest.approx(table[names[measure.name]], rel=1e-9)


@pytest.mark.reference
def test_r_rates_and_the_shortest_interval(shared: Path) -> None:
    names = {"sens": "sensitivity", "spec": "specificity", "ppv": "ppv", "npv": "npv", "acc": "accuracy"}
    for table in read(shared)[0]["table2"].values():
        counts = Counts(**table["counts"])
        for short, name in names.items():
            result = counts.rate(name, "jeffreys-hpd")
            assert result.value == pytest.approx(table[short], rel=1e-9)
            assert [result.low, result.high] == pytest.approx(table["ci"][short]["bayes"], abs=1e-8)
