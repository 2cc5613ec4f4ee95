from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.statistics.intervals import proportion_interval
from usnet.statistics.rates import RATE_NAMES, Counts, rate

TABLE_2 = [  # counts of Li et al. 2020, Table 2, and the printed rates in per cent
    (Counts(46, 5, 4, 45), {"sensitivity": 92, "specificity": 90, "ppv": 90.2, "npv": 91.8, "accuracy": 91}),
    (Counts(44, 8, 6, 42), {"sensitivity": 88, "specificity": 84, "ppv": 84.6, "npv": 87.5, "accuracy": 86}),
    (Counts(44, 7, 6, 43), {"sensitivity": 88, "specificity": 86, "ppv": 86.3, "npv": 87.8, "accuracy": 87}),
]


@pytest.mark.parametrize(("counts", "printed"), TABLE_2)
def test_table_2_of_the_paper(counts: Counts, printed: dict[str, float]) -> None:
    for name, value in printed.items():
        assert 100 * counts.rate(name).value == pytest.approx(value, abs=0.051)


def test_an_undefined_rate_is_none_and_not_zero() -> None:
    nothing = Counts(0, 0, 0, 10)
    assert nothing.rate("sensitivity").value is None
    assert nothing.rate("precision").value is None
    assert nothing.rate("f1").value is None
    assert nothing.rate("specificity").value == 1
    assert nothing.rate("sensitivity").interval is None


def test_f1_is_defined_where_nothing_was_called() -> None:
    missed = Counts(0, 0, 5, 10)
    assert missed.rate("precision").value is None
    assert missed.rate("f1").value == 0
    assert missed.rate("f1").interval is None


@pytest.mark.reference
def test_intervals_agree_with_r(shared: Path) -> None:
    tables = json.loads((shared / "stats/basic/expected_basic_R.json").read_text())["table2"]
    names = {"sens": "sensitivity", "spec": "specificity", "ppv": "ppv", "npv": "npv", "acc": "accuracy"}
    methods = {"wilson": "wilson", "exact": "exact", "agresti-coull": "agresti-coull", "asymptotic": "wald"}
    for table in tables.values():
        counts = Counts(**table["counts"])
        assert counts.rate("f1").value == pytest.approx(table["f1"], rel=1e-9)
        for short, limits in table["ci"].items():
            for theirs, ours in methods.items():
                interval = counts.rate(names[short], ours).interval
                expected = [min(max(v, 0), 1) for v in limits[theirs]]
                assert [interval.low, interval.high] == pytest.approx(expected, abs=1e-8)


@given(st.integers(1, 500), st.data())
def test_intervals_hold_the_rate_and_mirror(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    for method in ("wilson", "exact", "agresti-coull", "jeffreys", "wald"):
        here, there = proportion_interval(k, n, method), proportion_interval(n - k, n, method)
        assert 0 <= here.low <= k / n + 1e-12
        assert k / n - 1e-12 <= here.high <= 1
        assert math.isclose(here.low, 1 - there.high, abs_tol=1e-9)


@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_f1_is_the_harmonic_mean(cells: tuple[int, int, int, int]) -> None:
    counts = Counts(*cells)
    precision, recall, f1 = (counts.rate(n).value for n in ("precision", "recall", "f1"))
    if precision and recall:
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    swapped = Counts(counts.tn, counts.fn, counts.fp, counts.tp)
    assert counts.rate("sensitivity").value == swapped.rate("specificity").value
    assert set(counts.rates()) == set(RATE_NAMES)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="no proportion"):
        rate(3, 2)
    with pytest.raises(ValueError, match="negative"):
        Counts(-1, 0, 0, 0)
