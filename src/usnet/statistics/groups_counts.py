"""Tests of counts: chi-square and Fisher for independent cases, McNemar and Cochran's Q for the same cases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.groups import TestResult
from usnet.statistics.intervals import Interval
from usnet.statistics.twobytwo import difference_limits

INDEPENDENT = "each unit is counted once and units are independent"


def chi_square(table: npt.ArrayLike, *, yates: bool = False, unit: str = "case") -> TestResult:
    """Pearson's chi-square test of a table of counts ``[R, C]``; ``yates`` corrects for continuity (2 x 2 only).

    Without that correction by default. ``note`` warns where an expected count is below 5 (Fisher's test is then the better one).

    Raises
    ------
    ValueError
        Not a table of counts of two rows and two columns at least.
    """
    from scipy.stats import chi2_contingency

    counts = _table(table)
    name = "chi-square, Yates' correction" if yates else "chi-square"
    rows = tuple(int(v) for v in counts.sum(axis=1))
    if min(counts.sum(axis=0).min(), counts.sum(axis=1).min()) == 0:
        return TestResult(name, "X2", None, None, rows, INDEPENDENT, unit, note="a row or column is empty")
    result = chi2_contingency(counts, correction=yates)
    note = "an expected count is below 5" if result.expected_freq.min() < 5 else None
    difference, interval = None, None
    if counts.shape == (2, 2):
        difference, low, high = difference_limits(
            float(counts[0, 0]), float(rows[0]), float(counts[1, 0]), float(rows[1])
        )
        interval = Interval(low, high, "Newcombe 1998, square-and-add")
    return TestResult(
        name,
        "X2",
        float(result.statistic),
        float(result.pvalue),
        rows,
        INDEPENDENT,
        unit,
        (float(result.dof),),
        None if difference is None else "difference of proportions",
        difference,
        interval,
        note,
    )


def fisher(table: npt.ArrayLike, *, unit: str = "case", level: float = 0.95) -> TestResult:
    """Fisher's exact test of a 2 x 2 table, two-sided (tables as or less likely), with the conditional odds ratio and its
    interval, as R's ``fisher.test``. The conditional odds ratio differs from the sample's ``ad / (bc)``.

    Raises
    ------
    ValueError
        Not a 2 x 2 table of counts.
    """
    from scipy.stats import fisher_exact
    from scipy.stats.contingency import odds_ratio

    counts = _two_by_two(table, "Fisher's test here")
    whole = counts.astype(np.int64)
    ratio = odds_ratio(whole, kind="conditional")
    limits = ratio.confidence_interval(confidence_level=level)
    finite = bool(np.isfinite(ratio.statistic))
    return TestResult(
        "Fisher's exact",
        "odds ratio",
        float(ratio.statistic) if finite else None,
        float(fisher_exact(whole).pvalue),
        tuple(int(v) for v in whole.sum(axis=1)),
        INDEPENDENT,
        unit,
        effect_name="conditional odds ratio",
        effect=float(ratio.statistic) if finite else None,
        interval=Interval(float(limits.low), float(limits.high), "exact conditional", level) if finite else None,
        note=None if finite else "the odds ratio is not finite: a cell is 0",
    )


def mcnemar(table: npt.ArrayLike, *, exact: bool = True, correction: bool = False, unit: str = "case") -> TestResult:
    """McNemar's test of two readings of the same cases: rows first reading (right, wrong), columns second.

    Exact binomial test of the discordant pairs by default; otherwise chi-square ``(|b - c| - correction)^2 / (b + c)``.

    Raises
    ------
    ValueError
        Not a 2 x 2 table of counts.
    """
    from scipy.special import chdtrc
    from scipy.stats import binomtest

    counts = _two_by_two(table, "McNemar's test")
    b, c, n = int(counts[0, 1]), int(counts[1, 0]), int(counts.sum())
    assumption = "the same cases twice; cases are independent"
    kind = "exact" if exact else "continuity correction" if correction else "no correction"
    name = f"McNemar, {kind}"
    if b + c == 0:
        return TestResult(name, "discordant pairs", 0.0, None, (n,), assumption, unit, note="no discordant pair")
    effect = ("difference of proportions", (b - c) / n)
    if exact:
        p = float(binomtest(b, b + c).pvalue)
        return TestResult(name, "discordant pairs", float(b + c), p, (n,), assumption, unit, (), *effect)
    x2 = max(abs(b - c) - float(correction), 0.0) ** 2 / (b + c)
    return TestResult(name, "X2", x2, float(chdtrc(1, x2)), (n,), assumption, unit, (1.0,), *effect)


def cochran_q(correct: npt.ArrayLike, *, unit: str = "case") -> TestResult:
    """Cochran's Q test that K readers are right equally often on the same cases; ``correct [N, K]`` of 0 and 1.

    Biometrika 1950; 37:256. With two readers it is McNemar's chi-square without correction.

    Raises
    ------
    ValueError
        Not a matrix of 0 and 1 with two columns at least.
    """
    from scipy.special import chdtrc

    x = np.asarray(correct, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2 or not np.isin(x, (0, 1)).all():
        raise ValueError("Cochran's Q takes a matrix (cases, readers) of 0 and 1 with two or more readers")
    n, k = x.shape
    columns, rows = x.sum(axis=0), x.sum(axis=1)
    bottom = float(k * rows.sum() - (rows**2).sum())
    assumption = "the same cases for all readers; cases are independent; readers are fixed"
    if bottom == 0:
        note = "all readers agree on every case"
        return TestResult("Cochran's Q", "Q", None, None, (n,), assumption, unit, note=note)
    q = float((k - 1) * (k * (columns**2).sum() - columns.sum() ** 2) / bottom)
    return TestResult("Cochran's Q", "Q", q, float(chdtrc(k - 1, q)), (n,), assumption, unit, (k - 1.0,))


def _two_by_two(table: npt.ArrayLike, test: str) -> FloatArray:
    counts = _table(table)
    if counts.shape != (2, 2):
        raise ValueError(f"{test} takes a 2 x 2 table, not {counts.shape[0]} x {counts.shape[1]}")
    return counts


def _table(table: npt.ArrayLike) -> FloatArray:
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or min(counts.shape) < 2 or (counts < 0).any() or not np.array_equal(counts, np.rint(counts)):
        raise ValueError("a test of counts needs a table of whole numbers with two rows and two columns at least")
    return counts
