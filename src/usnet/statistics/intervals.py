"""Confidence intervals of a proportion, from counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtri

Method = Literal["wilson", "exact", "agresti-coull", "jeffreys", "jeffreys-hpd", "wald"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Confidence limits with the method that gave them. ``level`` is the coverage asked for."""

    low: float
    high: float
    method: str
    level: float = 0.95


def normal_quantile(level: float) -> float:
    """Two-sided normal quantile: 1.96 for ``level`` 0.95."""
    if not 0 < level < 1:
        raise ValueError(f"confidence level {level} is not between 0 and 1")
    return float(ndtri(0.5 + level / 2))


def proportion_interval(k: float, n: float, method: Method = "wilson", level: float = 0.95) -> Interval | None:
    """Interval of ``k`` successes in ``n`` independent trials, within [0, 1]; ``None`` where ``n`` is 0.

    ``wilson`` (score interval, Wilson 1927) is the default: good coverage at any n. ``exact`` (Clopper-Pearson 1934) never
    covers less than ``level``. ``agresti-coull`` (1998), ``jeffreys`` (equal tails), ``jeffreys-hpd`` (shortest, as R's
    ``binom.bayes``) and ``wald`` are there to compare with papers.

    All take the trials as independent: images of one patient are not.

    Raises
    ------
    ValueError
        Counts are negative or ``k > n``.
    """
    if k < 0 or n < 0 or k > n:
        raise ValueError(f"{k} of {n} is no proportion")
    if n == 0:
        return None
    low, high = _LIMITS[method](k, n, level)
    return Interval(float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1)), method, level)


def _wilson(k: float, n: float, level: float) -> tuple[float, float]:
    z = normal_quantile(level)
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def _exact(k: float, n: float, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else betaincinv(k, n - k + 1, tail)
    high = 1.0 if k == n else betaincinv(k + 1, n - k, 1 - tail)
    return low, high


def _agresti_coull(k: float, n: float, level: float) -> tuple[float, float]:
    z = normal_quantile(level)
    return _wald(k + z * z / 2, n + z * z, level)


def _jeffreys(k: float, n: float, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else betaincinv(k + 0.5, n - k + 0.5, tail)
    high = 1.0 if k == n else betaincinv(k + 0.5, n - k + 0.5, 1 - tail)
    return low, high


def _shortest(k: float, n: float, level: float) -> tuple[float, float]:
    """Highest posterior density: the density of Beta(k + 1/2, n - k + 1/2) is equal at both limits."""
    if k == 0:
        return 0.0, betaincinv(0.5, n + 0.5, level)
    if k == n:
        return betaincinv(n + 0.5, 0.5, 1 - level), 1.0
    a, b = k + 0.5, n - k + 0.5

    def density(x: float) -> float:
        return (a - 1) * float(np.log(x)) + (b - 1) * float(np.log1p(-x))

    def gap(tail: float) -> float:
        return density(betaincinv(a, b, tail)) - density(betaincinv(a, b, tail + level))

    tail = brentq(gap, 1e-12, 1 - level - 1e-12, xtol=1e-15)
    return betaincinv(a, b, tail), betaincinv(a, b, tail + level)


def _wald(k: float, n: float, level: float) -> tuple[float, float]:
    p = k / n
    half = normal_quantile(level) * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


_LIMITS = {
    "wilson": _wilson,
    "exact": _exact,
    "agresti-coull": _agresti_coull,
    "jeffreys": _jeffreys,
    "jeffreys-hpd": _shortest,
    "wald": _wald,
}
