"""Orders of reading are fair: every case at every place equally often, views and repeats apart, and the same for ever."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from usnet.errors import ConfigError
from usnet.readers.allocation import order_draws, sequence_of, sequences
from usnet.readers.draws import Draws
from usnet.readers.order import Item, period_order, problems
from usnet.readers.protocol import Cases, Stratum

from reader_studies import crossover, protocol  # isort: skip


def rules(**changes: int) -> Cases:
    strata = (Stratum(name="b", label="benign", count=1), Stratum(name="m", label="malignant", count=1))
    return Cases(
        strata=strata, **({"training": 0, "repeats": 0, "nodule_gap": 3, "repeat_gap": 8, "block": 10} | changes)
    )


def items(benign: int, malignant: int, views: int = 1) -> list[Item]:
    names = [f"b{i}" for i in range(benign)] + [f"m{i}" for i in range(malignant)]
    return [Item(n, n[0], f"{n[0]}{int(n[1:]) // views}") for n in names]


SEEDS = 1000


@pytest.mark.parametrize(("benign", "malignant", "views", "repeats"), [(20, 20, 1, 0), (18, 22, 2, 0), (15, 15, 1, 4)])
def test_a_thousand_seeds_put_every_case_at_every_place_equally_often(
    benign: int, malignant: int, views: int, repeats: int
) -> None:
    cases, how = items(benign, malignant, views), rules(repeats=repeats)
    place = {item.case: i for i, item in enumerate(cases)}
    counts = np.zeros((len(cases), len(cases)))
    for seed in range(SEEDS):
        order = period_order(cases, [], how, Draws(seed))
        assert not problems(order, cases, how)
        for position, slot in enumerate(s for s in order if s.use == "test"):
            counts[place[slot.case], position] += 1
    # Each stratum has its own share of the places; within it every case must be anywhere equally often.
    for name in "bm":
        own = counts[[i for i, item in enumerate(cases) if item.stratum == name]]
        expected = np.tile(own.sum(axis=0) / len(own), (len(own), 1))
        used = expected > 0
        statistic = float((((own - expected) ** 2)[used] / expected[used]).sum())
        freedom = (len(own) - 1) * (used[0].sum() - 1)
        assert chi2.sf(statistic, freedom) > 1e-4, (name, statistic, freedom)


def test_blocks_hold_their_share_of_each_stratum() -> None:
    cases, how = items(50, 50), rules()
    for seed in range(50):
        order = [s.case[0] for s in period_order(cases, [], how, Draws(seed))]
        for start in range(0, 100, 10):
            assert order[start : start + 10].count("m") == 5


@settings(max_examples=60)
@given(
    st.integers(4, 20),
    st.integers(4, 20),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(1, 3),
    st.integers(0, 10**6),
)
def test_orders_keep_the_rules(benign: int, malignant: int, views: int, repeats: int, gap: int, seed: int) -> None:
    cases, how = items(benign, malignant, views), rules(nodule_gap=gap, repeats=repeats, repeat_gap=4)
    training = [Item("t1", "b", "t1"), Item("t2", "m", "t2")]
    try:
        order = period_order(cases, training, how, Draws(seed))
    except ConfigError:
        assert views > 1 or repeats  # only then may there be no room
        return
    assert not problems(order, cases, how)
    assert sorted(s.case for s in order[:2]) == ["t1", "t2"]
    uses = Counter(s.use for s in order)
    assert uses == {"training": 2, "test": benign + malignant, **({"repeat": repeats} if repeats else {})}


def test_what_breaks_the_rules_is_found() -> None:
    from usnet.readers.order import Slot

    cases, how = items(4, 4, views=2), rules(nodule_gap=2, repeat_gap=5)
    plain = [Slot(c, "test") for c in ("b0", "m0", "b2", "b1", "m2", "b3", "m1", "m3")]
    assert not problems(plain, cases, how)
    assert "near" in problems([plain[0], plain[3], *plain[1:3], *plain[4:]], cases, how)[0]
    assert "repeated too early" in problems([*plain, Slot("m1", "repeat")], cases, how)[0]
    assert "not every case" in problems(plain[1:], cases, how)[-1]


def test_a_study_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be ordered"):
        period_order(items(3, 3, views=3), [], rules(nodule_gap=5), Draws(1))


def test_orders_never_change() -> None:
    """Golden values: a change here makes every running study's replay fail; give the algorithm a new name instead."""
    draws = Draws(20260101, 3, 1, 0)
    assert [draws.below(1000) for _ in range(8)] == GOLDEN_DRAWS
    order = period_order(items(6, 6), [], rules(repeats=2, repeat_gap=4, block=4), Draws(7))
    assert [s.case for s in order] == GOLDEN_ORDER


GOLDEN_DRAWS = [596, 119, 926, 888, 38, 941, 358, 796]
GOLDEN_ORDER = ["b5", "m0", "m3", "b3", "b0", "m0", "m4", "m5", "b1", "b5", "b4", "b2", "m2", "m1"]


def test_readers_and_periods_have_orders_of_their_own() -> None:
    p, cases = protocol(), items(10, 10)
    orders = {
        tuple(s.case for s in period_order(cases, [], rules(), order_draws(p, reader, period)))
        for reader in range(20)
        for period in range(2)
    }
    assert len(orders) == 40


def test_williams_squares_balance_places_and_neighbours() -> None:
    assert sequences(1) == [(0,)]
    assert sequences(2) == [(0, 1), (1, 0)]
    for arms in (2, 3, 4, 5):
        rows = sequences(arms)
        for place in range(arms):
            assert set(Counter(row[place] for row in rows).values()) == {len(rows) // arms}
        after = Counter((row[i], row[i + 1]) for row in rows for i in range(arms - 1))
        assert len(after) == arms * (arms - 1)
        assert len(set(after.values())) == 1


def test_arms_are_balanced_within_each_level_and_not_predictable() -> None:
    first = Counter()
    for seed in range(1000):
        p = protocol(**crossover(), study={"seed": seed}, ai={"bundle": "x"})
        for level in ("RP", "expert"):
            given = [sequence_of(p, level, place) for place in range(6)]
            assert Counter(given[:2]) == Counter(given[2:4]) == {(0, 1): 1, (1, 0): 1}
            first[level, given[0]] += 1
    for level in ("RP", "expert"):
        assert 420 < first[level, (0, 1)] < 580  # of 1000; beyond, p < 1e-6
