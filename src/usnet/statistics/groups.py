"""Scores of groups (readers of several levels): description and tests of two or more groups.

Every result names its test, unit and assumption. All tests here take the values as independent. Readers who read the same cases
are not independent in the cases: for a statement beyond these very cases see :mod:`usnet.statistics.mrmc`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.intervals import Interval
from usnet.statistics.rank_sum import exact_p, normal_p, rank_sums

EXACT_LIMIT = 100
"""Two groups together of at most this many values get an exact Mann-Whitney test."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test. ``p`` is ``None`` where the test cannot be done, and ``note`` says why.

    ``effect`` is an estimate in words of ``effect_name`` with ``interval`` (``None`` where the test gives none).
    """

    __test__ = False  # not a class of tests, whatever pytest thinks of its name

    test: str
    statistic_name: str
    statistic: float | None
    p: float | None
    n: tuple[int, ...]
    assumption: str
    unit: str = "value"
    df: tuple[float, ...] = ()
    effect_name: str | None = None
    effect: float | None = None
    interval: Interval | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A group of ``n`` values. ``sd`` is the spread of the values, ``se = sd / sqrt(n)`` the uncertainty of their mean: a table
    must say which it prints. Both, and the t interval of the mean, are ``None`` below two values; the
    interval also where the values do not differ."""

    n: int
    mean: float
    sd: float | None
    se: float | None
    interval: Interval | None
    median: float
    quartiles: tuple[float, float]
    low: float
    high: float


def values_of(group: npt.ArrayLike) -> FloatArray:
    """A group as an array ``[N]``.

    Raises
    ------
    ValueError
        The group is empty or holds a value that is not finite.
    """
    values = np.asarray(group, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError("a group needs at least one value")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    return values


def describe(group: npt.ArrayLike, level: float = 0.95) -> Description:
    """Mean with SD, SE and t interval; median, quartiles (linear interpolation) and range."""
    from scipy.special import stdtrit

    x = values_of(group)
    mean, n = float(x.mean()), x.size
    sd = float(x.std(ddof=1)) if n > 1 else None
    se = sd / math.sqrt(n) if sd is not None else None
    interval = None
    if se:  # without spread there is no interval, least of all one of width 0
        half = float(stdtrit(n - 1, 0.5 + level / 2)) * se
        interval = Interval(mean - half, mean + half, "t", level)
    q1, median, q3 = (float(q) for q in np.quantile(x, [0.25, 0.5, 0.75]))
    return Description(n, mean, sd, se, interval, median, (q1, q3), float(x.min()), float(x.max()))


def mann_whitney(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    method: Literal["auto", "exact", "normal", "normal, uncorrected"] = "auto",
    unit: str = "value",
) -> TestResult:
    """Mann-Whitney U test, two-sided. ``auto``: exact for up to :data:`EXACT_LIMIT` values, ties or not, otherwise normal.

    Exact: all ways to share out the (mid)ranks are equally likely, p is twice the smaller tail (R's ``wilcox.test`` without ties).
    Normal: tie-corrected variance, with or without continuity correction. ``effect`` is P(first > second) with ties one half,
    the AUC.
    """
    x, y = values_of(first), values_of(second)
    u, doubled = rank_sums(x, y)
    exact = method == "exact" or (method == "auto" and x.size + y.size <= EXACT_LIMIT)
    name = "Mann-Whitney U, "
    p: float | None
    if exact:
        p, name = exact_p(doubled, x.size), name + "exact"
    else:
        corrected = method != "normal, uncorrected"
        p = normal_p(x, y, u, corrected)
        name += "normal approximation, tie correction" + (", continuity correction" if corrected else "")
    return TestResult(
        name,
        "U",
        u,
        p,
        (x.size, y.size),
        "independent values; under the hypothesis both groups have the same distribution",
        unit,
        effect_name="P(first > second) + P(equal) / 2",
        effect=u / (x.size * y.size),
        note="all values are equal" if p is None else None,
    )


def welch_t(first: npt.ArrayLike, second: npt.ArrayLike, *, unit: str = "value", level: float = 0.95) -> TestResult:
    """Welch's t test of two means, with the interval of their difference."""
    from scipy.special import stdtr, stdtrit

    x, y = values_of(first), values_of(second)
    name, assumption = "Welch's t", "independent values, means close to normal; variances may differ"
    sizes = (x.size, y.size)
    difference = float(x.mean() - y.mean())
    if min(sizes) < 2:
        return TestResult(name, "t", None, None, sizes, assumption, unit, note="a group has one value: no variance")
    v1, v2 = float(x.var(ddof=1)) / x.size, float(y.var(ddof=1)) / y.size
    if v1 + v2 == 0:
        return TestResult(name, "t", None, None, sizes, assumption, unit, note="both variances are 0")
    df = (v1 + v2) ** 2 / (v1**2 / (x.size - 1) + v2**2 / (y.size - 1))
    t, half = difference / math.sqrt(v1 + v2), float(stdtrit(df, 0.5 + level / 2)) * math.sqrt(v1 + v2)
    interval = Interval(difference - half, difference + half, name, level)
    p = float(2 * stdtr(df, -abs(t)))
    return TestResult(
        name, "t", t, p, sizes, assumption, unit, (df,), "difference of means", difference, interval=interval
    )


def one_against_group(value: float, group: npt.ArrayLike, *, unit: str = "reader") -> tuple[TestResult, TestResult]:
    """A single score (an AI) against a group, as two questions whose answers may differ widely.

    First: could the score be one more member of the group? ``t = (value - mean) / (sd sqrt(1 + 1/n))``, Crawford and Howell,
    Clin Neuropsychol 1998; 12:482. Second: is the group's mean different from this fixed number? (one-sample t). Neither lets
    the cases vary; for that use ``usnet.statistics.mrmc`` (one AI against readers).
    """
    from scipy.special import stdtr

    description = describe(group)
    n = description.n
    names = ("one more member of the group (Crawford and Howell 1998)", "mean of the group against a fixed number (t)")
    assumption = "independent normal scores; the cases are taken as fixed"
    if not description.sd or description.se is None:
        note = "the group has no spread"
        first, second = (TestResult(m, "t", None, None, (1, n), assumption, unit, note=note) for m in names)
        return first, second
    errors = (description.sd * math.sqrt(1 + 1 / n), description.se)
    results = []
    for name, error in zip(names, errors, strict=True):
        t = (value - description.mean) / error
        p = float(2 * stdtr(n - 1, -abs(t)))
        effect = value - description.mean
        results.append(
            TestResult(name, "t", t, p, (1, n), assumption, unit, (float(n - 1),), "value - mean of the group", effect)
        )
    return results[0], results[1]


def kruskal_wallis(groups: Sequence[npt.ArrayLike], *, unit: str = "value") -> TestResult:
    """Kruskal-Wallis H test of two or more groups, tie-corrected, chi-square approximation."""
    from scipy.stats import kruskal

    x = _several(groups)
    sizes, k = tuple(g.size for g in x), len(x)
    assumption = (
        "independent values; under the hypothesis all groups have the same distribution; 5 or more values a group"
    )
    if np.ptp(np.concatenate(x)) == 0:
        return TestResult("Kruskal-Wallis", "H", None, None, sizes, assumption, unit, note="all values are equal")
    result = kruskal(*x)
    note = "a group has fewer than 5 values: p is rough" if min(sizes) < 5 else None
    return TestResult(
        "Kruskal-Wallis",
        "H",
        float(result.statistic),
        float(result.pvalue),
        sizes,
        assumption,
        unit,
        (k - 1.0,),
        note=note,
    )


def anova(groups: Sequence[npt.ArrayLike], *, unit: str = "value") -> TestResult:
    """One-way analysis of variance with equal variances."""
    from scipy.stats import f_oneway

    x = _several(groups)
    sizes = tuple(g.size for g in x)
    assumption = "independent values, normal within groups, equal variances"
    df = (len(x) - 1.0, float(sum(sizes) - len(x)))
    if df[1] < 1 or sum(g.var() for g in x) == 0:
        return TestResult("ANOVA", "F", None, None, sizes, assumption, unit, note="no spread within the groups")
    result = f_oneway(*x)
    return TestResult("ANOVA", "F", float(result.statistic), float(result.pvalue), sizes, assumption, unit, df)


def welch_anova(groups: Sequence[npt.ArrayLike], *, unit: str = "value") -> TestResult:
    """Welch's analysis of variance, Biometrika 1951; 38:330: variances may differ."""
    from scipy.special import fdtrc

    x = _several(groups)
    sizes, k = tuple(g.size for g in x), len(x)
    name, assumption = "Welch's ANOVA", "independent values, means close to normal; variances may differ"
    if min(sizes) < 2 or min(g.var() for g in x) == 0:
        note = "a group has one value or no spread"
        return TestResult(name, "F", None, None, sizes, assumption, unit, note=note)
    w = np.array([g.size / g.var(ddof=1) for g in x])
    means = np.array([g.mean() for g in x])
    grand = float(w @ means / w.sum())
    lack = float(((1 - w / w.sum()) ** 2 / (np.array(sizes) - 1)).sum())
    f = float(w @ (means - grand) ** 2) / (k - 1) / (1 + 2 * (k - 2) * lack / (k**2 - 1))
    df = (k - 1.0, (k**2 - 1) / (3 * lack))
    return TestResult(name, "F", f, float(fdtrc(*df, f)), sizes, assumption, unit, df)


def _several(groups: Sequence[npt.ArrayLike]) -> list[FloatArray]:
    if len(groups) < 2:
        raise ValueError(f"{len(groups)} group: a comparison needs two or more")
    return [values_of(g) for g in groups]
