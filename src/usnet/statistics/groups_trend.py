"""Trend over ordered groups: Jonckheere and Terpstra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.groups import TestResult, values_of


def jonckheere(groups: Sequence[npt.ArrayLike], *, unit: str = "value") -> TestResult:
    """Jonckheere-Terpstra test, two-sided, of groups given in their order; normal approximation with tie-corrected variance.

    J counts the pairs of values from two groups in which the later group is higher, ties one half. Variance: Hollander and Wolfe,
    Nonparametric Statistical Methods, equation 6.19. ``effect`` is ``2 J / (number of such pairs) - 1``, from -1 (falling) to 1.

    Raises
    ------
    ValueError
        Fewer than two groups, or a value that is not finite.
    """
    from scipy.special import ndtr

    x = [values_of(g) for g in groups]
    if len(x) < 2:
        raise ValueError(f"{len(x)} group: a trend needs two or more")
    sizes = tuple(g.size for g in x)
    j = sum(_later_higher(a, b) for a, b in combinations(x, 2))
    pairs = sum(a.size * b.size for a, b in combinations(x, 2))
    variance = _variance(np.array(sizes, float), np.unique(np.concatenate(x), return_counts=True)[1].astype(float))
    name = "Jonckheere-Terpstra, normal approximation"
    assumption = "independent values; the order of the groups was fixed before looking at them"
    if variance <= 0:
        return TestResult(name, "J", j, None, sizes, assumption, unit, note="all values are equal")
    z = (j - pairs / 2) / math.sqrt(variance)
    note = f"z = {z:.4g}"
    p = float(2 * ndtr(-abs(z)))
    return TestResult(
        name, "J", j, p, sizes, assumption, unit, (), "2 J / pairs - 1 (1: rising)", 2 * j / pairs - 1, note=note
    )


def _later_higher(first: FloatArray, later: FloatArray) -> float:
    ordered = np.sort(first)
    below = np.searchsorted(ordered, later, "left") + np.searchsorted(ordered, later, "right")
    return float(below.sum() / 2)


def _variance(n: FloatArray, ties: FloatArray) -> float:
    total = float(n.sum())

    def a(v: FloatArray) -> float:
        return float((v * (v - 1) * (2 * v + 5)).sum())

    def b(v: FloatArray) -> float:
        return float((v * (v - 1) * (v - 2)).sum())

    def c(v: FloatArray) -> float:
        return float((v * (v - 1)).sum())

    all_values = np.array([total])
    variance = (a(all_values) - a(n) - a(ties)) / 72
    if total > 2:
        variance += b(n) * b(ties) / (36 * total * (total - 1) * (total - 2))
    return variance + c(n) * c(ties) / (8 * total * (total - 1))
