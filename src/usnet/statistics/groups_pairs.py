"""Which groups differ: comparisons of all pairs after a test of all groups, with p values for the family."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.groups import values_of
from usnet.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison ``first - second``. ``p`` is adjusted for all pairs, ``raw_p`` is not (``None`` where the method has none).

    ``difference`` is of mean ranks for Dunn, of means otherwise.
    """

    first: str
    second: str
    difference: float
    statistic: float | None
    raw_p: float | None
    p: float | None
    interval: Interval | None
    method: str


def holm(p: npt.ArrayLike) -> FloatArray:
    """Holm's step-down adjustment ``[K]``: controls the chance of any false finding; no assumption on dependence."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    result = np.empty_like(values)
    result[order] = np.minimum(steps, 1)
    return result


def benjamini_hochberg(p: npt.ArrayLike) -> FloatArray:
    """Benjamini and Hochberg's adjustment ``[K]``: controls the expected share of false findings (independent tests)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    steps = np.minimum.accumulate(values[order] * values.size / np.arange(values.size, 0, -1))
    result = np.empty_like(values)
    result[order] = np.minimum(steps, 1)
    return result


def dunn(groups: Mapping[str, npt.ArrayLike]) -> list[Pair]:
    """Dunn's test (Technometrics 1964; 6:241) of mean ranks, tie-corrected, adjusted by Holm. Follows Kruskal-Wallis."""
    from scipy.special import ndtr
    from scipy.stats import rankdata

    x = {name: values_of(v) for name, v in groups.items()}
    pooled = np.concatenate(list(x.values()))
    n = pooled.size
    counts = np.unique(pooled, return_counts=True)[1]
    variance = n * (n + 1) / 12 - float((counts**3 - counts).sum()) / (12 * (n - 1))
    ranks = dict(zip(x, np.split(rankdata(pooled), np.cumsum([v.size for v in x.values()])[:-1]), strict=True))
    found: list[tuple[str, str, float, float]] = []
    for a, b in combinations(x, 2):
        difference = float(ranks[a].mean() - ranks[b].mean())
        error = math.sqrt(max(variance, 0.0) * (1 / x[a].size + 1 / x[b].size))
        found.append((a, b, difference, difference / error if error > 0 else math.nan))
    raw = np.array([2 * ndtr(-abs(z)) for *_, z in found])
    adjusted = holm(raw)
    method = "Dunn, p adjusted by Holm"
    if np.isnan(raw).any():
        return [Pair(a, b, d, None, None, None, None, method) for a, b, d, _ in found]
    return [
        Pair(a, b, d, z, float(r), float(p), None, method)
        for (a, b, d, z), r, p in zip(found, raw, adjusted, strict=True)
    ]


def games_howell(groups: Mapping[str, npt.ArrayLike], level: float = 0.95) -> list[Pair]:
    """Games and Howell's comparisons of means (J Educ Stat 1976; 1:113): variances may differ. Follows Welch's ANOVA.

    ``q = sqrt(2) |t|`` of Welch's t against the studentised range of all groups, with Welch's degrees of freedom for each pair.
    A pair with a group of one value, or without spread, has no p.
    """
    x = {name: values_of(v) for name, v in groups.items()}
    return [_games_howell(a, b, x[a], x[b], len(x), level) for a, b in combinations(x, 2)]


def _games_howell(first: str, second: str, x: FloatArray, y: FloatArray, k: int, level: float) -> Pair:
    from scipy.stats import studentized_range

    method = "Games-Howell"
    difference = float(x.mean() - y.mean())
    if min(x.size, y.size) < 2 or x.var() + y.var() == 0:
        return Pair(first, second, difference, None, None, None, None, method)
    v1, v2 = float(x.var(ddof=1)) / x.size, float(y.var(ddof=1)) / y.size
    df = (v1 + v2) ** 2 / (v1**2 / (x.size - 1) + v2**2 / (y.size - 1))
    t = difference / math.sqrt(v1 + v2)
    p = float(studentized_range.sf(abs(t) * math.sqrt(2), k, df))
    half = float(studentized_range.ppf(level, k, df)) * math.sqrt((v1 + v2) / 2)
    return Pair(
        first, second, difference, t, None, p, Interval(difference - half, difference + half, method, level), method
    )


def tukey(groups: Mapping[str, npt.ArrayLike], level: float = 0.95) -> list[Pair]:
    """Tukey and Kramer's honest significant differences of means: equal variances. Follows ANOVA."""
    from scipy.stats import tukey_hsd

    x = {name: values_of(v) for name, v in groups.items()}
    result = tukey_hsd(*x.values())
    limits = result.confidence_interval(confidence_level=level)
    names = list(x)
    return [
        Pair(
            names[i],
            names[j],
            float(result.statistic[i, j]),
            None,
            None,
            float(result.pvalue[i, j]),
            Interval(float(limits.low[i, j]), float(limits.high[i, j]), "Tukey-Kramer", level),
            "Tukey-Kramer",
        )
        for i, j in combinations(range(len(names)), 2)
    ]
