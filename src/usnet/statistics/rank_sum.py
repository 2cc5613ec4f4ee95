"""Exact distribution of a rank sum, with ties, for the Mann-Whitney test; and which p values it can give at all."""

from __future__ import annotations

from math import comb

import numpy as np
from scipy.special import ndtr

from usnet.statistics.arrays import FloatArray, IntArray


def rank_sums(first: FloatArray, second: FloatArray) -> tuple[float, IntArray]:
    """U of the first group (pairs in which it is higher, ties one half) and all midranks times two, first group first."""
    from scipy.stats import rankdata

    doubled = np.rint(2 * rankdata(np.concatenate([first, second]))).astype(np.intp)
    u = doubled[: first.size].sum() / 2 - first.size * (first.size + 1) / 2
    return float(u), doubled


def null_distribution(doubled: IntArray, size: int) -> FloatArray:
    """Probability of each sum of ``size`` out of the ranks ``doubled [N]``, drawn without replacement: ``[sum + 1]``.

    Streitberg and Roehmel's shift algorithm, 1986.
    """
    counts = np.zeros((size + 1, int(doubled.sum()) + 1))
    counts[0, 0] = 1.0
    for drawn, rank in enumerate(doubled, start=1):
        top = min(drawn, size)
        # in place from the largest subset down, so that each rank is used once
        for taken in range(top, 0, -1):
            counts[taken, rank:] += counts[taken - 1, : counts.shape[1] - rank]
    return np.asarray(counts[size] / comb(doubled.size, size), dtype=np.float64)


def exact_p(doubled: IntArray, size: int) -> float:
    """Two-sided p of the first ``size`` of the ranks: twice the smaller tail, at most 1."""
    smaller = min(size, doubled.size - size)
    observed = int(doubled[:size].sum() if smaller == size else doubled[size:].sum())
    probability = null_distribution(doubled, smaller)
    tail = min(probability[: observed + 1].sum(), probability[observed:].sum())
    return float(min(1.0, 2 * tail))


def normal_p(first: FloatArray, second: FloatArray, u: float, correction: bool) -> float | None:
    """Two-sided p by the normal approximation with tie-corrected variance; ``None`` where all values are equal."""
    m, n = first.size, second.size
    counts = np.unique(np.concatenate([first, second]), return_counts=True)[1]
    total = m + n
    variance = m * n / 12 * (total + 1 - float((counts**3 - counts).sum()) / (total * (total - 1)))
    if variance <= 0:
        return None
    distance = max(abs(u - m * n / 2) - 0.5 * correction, 0.0)
    return float(2 * ndtr(-distance / np.sqrt(variance)))


def reachable_exact(m: int, n: int) -> FloatArray:
    """All two-sided exact p values that ``m`` against ``n`` values without ties can give, rising."""
    smaller = min(m, n)
    doubled = np.arange(1, m + n + 1, dtype=np.intp)
    probability = null_distribution(doubled, smaller)
    probability = probability[probability > 0]
    tails = np.minimum(np.cumsum(probability), np.cumsum(probability[::-1])[::-1])
    return np.unique(np.round(np.minimum(1.0, 2 * tails), 14))


def reachable_normal(m: int, n: int, *, correction: bool = False) -> FloatArray:
    """All two-sided p values of the normal approximation without ties, for every U in steps of one, rising."""
    distance = np.abs(np.arange(m * n + 1) - m * n / 2)
    if correction:
        distance = np.maximum(distance - 0.5, 0)
    z = distance / np.sqrt(m * n * (m + n + 1) / 12)
    return np.unique(np.round(2 * ndtr(-z), 14))
