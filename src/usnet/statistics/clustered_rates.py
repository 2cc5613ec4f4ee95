"""A proportion whose trials come in clusters (images of a patient), and two proportions of the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.clustered import cluster_codes
from usnet.statistics.groups_counts import mcnemar
from usnet.statistics.intervals import Interval, normal_quantile, proportion_interval


def clustered_proportion(event: npt.ArrayLike, groups: npt.ArrayLike, level: float = 0.95) -> Interval | None:
    """Wilson's interval on the effective number of trials; ``None`` without trials. Clusters of one give plain Wilson.

    ``event [N]`` holds 0 and 1. The effective number is ``p (1 - p) / v`` with the between-cluster variance of the ratio estimator,
    ``v = G / (G - 1) * sum_g (events_g - p trials_g)^2 / N^2`` (Rao and Scott, Biometrics 1992; 48:577), and never more than N.
    Where all trials agree v says nothing, and each cluster counts once.

    Raises
    ------
    ValueError
        Shapes differ or an event is neither 0 nor 1.
    """
    x = np.asarray(event, dtype=np.float64)
    codes, count = cluster_codes(groups)
    if x.ndim != 1 or codes.size != x.size or not np.isin(x, (0.0, 1.0)).all():
        raise ValueError(f"a proportion needs a 0 or 1 for each of {codes.size} trials")
    if not x.size:
        return None
    if count == x.size:
        return proportion_interval(float(x.sum()), x.size, level=level)
    effective = _effective(x, codes, count)
    interval = proportion_interval(float(x.mean()) * effective, effective, level=level)
    if interval is None:
        return None
    method = f"wilson, {effective:.1f} effective of {x.size} trials in {count} clusters"
    return Interval(interval.low, interval.high, method, level)


def _effective(x: FloatArray, codes: npt.NDArray[np.intp], count: int) -> float:
    p = float(x.mean())
    excess = np.bincount(codes, weights=x - p, minlength=count)
    variance = count / max(count - 1, 1) * float((excess**2).sum()) / x.size**2
    if variance <= 0 or p in (0.0, 1.0):
        return float(count)
    return min(p * (1 - p) / variance, float(x.size))


@dataclass(frozen=True, slots=True)
class PairedRates:
    """Two proportions of the same ``n`` cases: ``difference`` is first minus second.

    ``only_first`` and ``only_second`` are the discordant cases. ``p`` is ``None`` where there is none.
    """

    n: int
    first: float
    second: float
    difference: float
    only_first: int
    only_second: int
    interval: Interval
    p: float | None
    method: str = "McNemar, exact; Bonett-Price interval"


def paired_rates(first: npt.ArrayLike, second: npt.ArrayLike, level: float = 0.95) -> PairedRates:
    """Difference of two proportions of the same independent cases.

    p is McNemar's exact one. Interval: Wald's on counts with one case added to each discordant cell (Bonett and Price, J Educ
    Behav Stat 2012; 37:479), ``d +- z sqrt((b + c - (b - c)^2 / m) ) / m`` with ``b, c`` one more than counted and ``m = n + 2``;
    recommended by Fagerland, Lydersen and Laake, Stat Med 2014; 33:2850. The exact p is the more cautious of the two.

    Raises
    ------
    ValueError
        Shapes differ or there is no case.
    """
    x, y = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if x.shape != y.shape or x.ndim != 1 or not x.size:
        raise ValueError(f"outcomes of shape {x.shape} do not go with outcomes of shape {y.shape}")
    n = x.size
    only = int((x & ~y).sum()), int((~x & y).sum())
    p = mcnemar([[int((x & y).sum()), only[0]], [only[1], int((~x & ~y).sum())]]).p
    b, c, m = only[0] + 1, only[1] + 1, n + 2
    centre, half = (b - c) / m, normal_quantile(level) * math.sqrt(b + c - (b - c) ** 2 / m) / m
    interval = Interval(max(centre - half, -1.0), min(centre + half, 1.0), "Bonett-Price", level)
    value = float(x.mean()), float(y.mean())
    return PairedRates(n, *value, (only[0] - only[1]) / n, *only, interval, p)
