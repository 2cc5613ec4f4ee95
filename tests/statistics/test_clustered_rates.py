from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.statistics.bootstrap import cluster_bootstrap, weighted_mean
from usnet.statistics.clustered_rates import clustered_proportion, paired_rates
from usnet.statistics.intervals import proportion_interval

BITS = st.lists(st.booleans(), min_size=2, max_size=40)


@given(BITS)
def test_clusters_of_one_give_wilson(bits: list[bool]) -> None:
    x = np.array(bits, dtype=float)
    assert clustered_proportion(x, np.arange(x.size)) == proportion_interval(x.sum(), x.size)


@given(BITS, st.integers(2, 4))
def test_copies_add_nothing(bits: list[bool], copies: int) -> None:
    """Every case seen several times, always alike, tells no more than once."""
    x = np.array(bits, dtype=float)
    once = clustered_proportion(np.repeat(x, copies), np.repeat(np.arange(x.size), copies))
    plain = proportion_interval(x.sum(), x.size)
    assert once.high - once.low >= plain.high - plain.low - 1e-9 or 0 < x.mean() < 1
    if x.mean() in (0, 1):
        assert (once.low, once.high) == pytest.approx((plain.low, plain.high))
    else:  # the estimated variance of n - 1 replaces n
        n = x.size - 1
        want = proportion_interval(x.mean() * n, n)
        assert (once.low, once.high) == pytest.approx((want.low, want.high))


def test_it_covers_where_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(0)
    hits = np.zeros(2)
    for _ in range(400):
        groups = np.repeat(np.arange(40), 5)
        x = (rng.random(200) < np.repeat(rng.beta(1.8, 0.2, 40), 5)).astype(float)
        for i, one in enumerate((clustered_proportion(x, groups), proportion_interval(x.sum(), x.size))):
            hits[i] += one.low <= 0.9 <= one.high
    assert hits[0] / 400 > 0.92
    assert hits[1] / 400 < 0.85


def test_clustered_proportion_without_cases_and_with_bad_ones() -> None:
    assert clustered_proportion([], []) is None
    assert clustered_proportion([1, 1], [0, 0]).low == pytest.approx(proportion_interval(1, 1).low)
    for event, groups in (([0.5], [0]), ([0, 1], [0]), ([np.nan], [0])):
        with pytest.raises(ValueError, match="0 or 1"):
            clustered_proportion(event, groups)


def test_paired_rates_by_hand() -> None:
    """Bonett and Price: b = 12, c = 4 of n = 50, so 13 and 5 of 52."""
    x = np.array([1] * 12 + [0] * 4 + [1] * 20 + [0] * 14, bool)
    y = np.array([0] * 12 + [1] * 4 + [1] * 20 + [0] * 14, bool)
    found = paired_rates(x, y)
    assert (found.only_first, found.only_second, found.difference) == (12, 4, pytest.approx(0.16))
    assert found.p == pytest.approx(0.076812744140625)  # binomial(16, 1/2): 2 P(X <= 4)
    half = 1.959963984540054 * np.sqrt(18 / 52 - (8 / 52) ** 2) / np.sqrt(52)
    assert (found.interval.low, found.interval.high) == pytest.approx((8 / 52 - half, 8 / 52 + half))


@given(BITS, st.integers(0, 5))
def test_paired_rates_change_sign_with_the_order(bits: list[bool], shift: int) -> None:
    x, y = np.array(bits), np.roll(bits, shift)
    there, back = paired_rates(x, y), paired_rates(y, x)
    assert there.difference == -back.difference
    assert (there.p, there.interval.low) == (back.p, pytest.approx(-back.interval.high))
    assert there.interval.low <= there.difference <= there.interval.high or x.size < 10


def test_paired_rates_without_a_discordant_case_have_no_p() -> None:
    found = paired_rates([1, 0, 1], [1, 0, 1])
    assert (found.difference, found.p) == (0, None)
    assert found.interval.low < 0 < found.interval.high
    with pytest.raises(ValueError, match="do not go"):
        paired_rates([], [])


def test_bootstrap_p_goes_with_the_interval() -> None:
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.15, 0.3, 1.0):
        values = rng.normal(shift, 1, 60)
        boot = cluster_bootstrap(weighted_mean(values), np.arange(60), n=999, seed=2)
        interval = boot.interval()
        outside = interval.low > 0 or interval.high < 0
        assert outside == (boot.p_value() < 0.05)
    assert cluster_bootstrap(weighted_mean(np.zeros(5)), np.arange(5), n=99).p_value() is None
    assert cluster_bootstrap(weighted_mean(np.ones(5) * 2), np.arange(5), n=0).p_value() is None
