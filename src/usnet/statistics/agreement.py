"""Agreement of two readers, or of one reader with himself: Cohen's kappa, plain and weighted; limits of agreement.

Agreement says nothing about being right. Kappa of a reader against the truth in a sample of half diseased and half not is
``2 * accuracy - 1`` and adds nothing to the accuracy. More than two readers: :mod:`usnet.statistics.agreement_many`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.intervals import Interval, normal_quantile

Weights = Literal["none", "linear", "quadratic"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A chance-corrected coefficient over ``n`` units; ``value`` is ``None`` where agreement by chance is complete (all
    ratings in one category), and ``note`` says so."""

    name: str
    value: float | None
    standard_error: float | None
    interval: Interval | None
    observed: float
    expected: float
    n: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """Mean difference ``first - second`` of ``n`` pairs, its limits, and intervals of all three."""

    bias: float
    low: float
    high: float
    sd: float
    bias_interval: Interval
    low_interval: Interval
    high_interval: Interval
    n: int


def cohen_kappa(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    weights: Weights = "none",
    categories: Sequence[object] | None = None,
    level: float = 0.95,
) -> Agreement:
    """Cohen's kappa of two ratings ``[N]`` of the same units (1960; weighted 1968).

    ``weights`` are ``1 - |i - j| / (K - 1)`` (linear) or ``1 - (i - j)^2 / (K - 1)^2`` (quadratic) over the K ``categories`` in
    their order; a category that nobody used still counts as a step. Default order: the sorted values found. Standard error:
    Fleiss, Cohen and Everitt, Psychological Bulletin 1969; 72:323. Units are taken as independent.

    Raises
    ------
    ValueError
        Different numbers of ratings, none at all, or a rating that is no category.
    """
    table, _ = cross_table(first, second, categories)
    return kappa_of_table(table, weights=weights, level=level)


def cross_table(
    first: npt.ArrayLike, second: npt.ArrayLike, categories: Sequence[object] | None = None
) -> tuple[FloatArray, list[object]]:
    """Counts ``[K, K]`` (rows: first) and the categories."""
    a, b = list(np.asarray(first).tolist()), list(np.asarray(second).tolist())
    if len(a) != len(b) or not a:
        raise ValueError(f"{len(a)} and {len(b)} ratings do not make pairs")
    order = list(categories) if categories is not None else sorted(set(a) | set(b))
    place = {category: index for index, category in enumerate(order)}
    unknown = [value for value in (*a, *b) if value not in place]
    if unknown:
        raise ValueError(f"rating {unknown[0]!r} is none of the categories {order}")
    table = np.zeros((len(order), len(order)))
    np.add.at(table, ([place[v] for v in a], [place[v] for v in b]), 1)
    return table, order


def kappa_of_table(table: npt.ArrayLike, *, weights: Weights = "none", level: float = 0.95) -> Agreement:
    """Kappa from a square table of counts ``[K, K]``; see :func:`cohen_kappa`."""
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any() or counts.sum() == 0:
        raise ValueError("kappa needs a square table of counts, not all 0")
    n = int(counts.sum())
    p = counts / counts.sum()
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    w = weight_matrix(len(counts), weights)
    observed, expected = float((w * p).sum()), float(rows @ w @ columns)
    name = "Cohen's kappa" if weights == "none" else f"Cohen's kappa, {weights} weights"
    if 1 - expected < 1e-12:
        return Agreement(name, None, None, None, observed, expected, n, "undefined: all ratings in one category")
    kappa = (observed - expected) / (1 - expected)
    mean = (w @ columns)[:, None] + (rows @ w)[None, :]
    inner = (p * (w - mean * (1 - kappa)) ** 2).sum() - (kappa - expected * (1 - kappa)) ** 2
    error = math.sqrt(max(float(inner), 0.0) / n) / (1 - expected)
    if error < 1e-12:
        return Agreement(name, kappa, 0.0, None, observed, expected, n, "no interval: the estimated variance is 0")
    half = normal_quantile(level) * error
    interval = Interval(max(kappa - half, -1.0), min(kappa + half, 1.0), "Fleiss, Cohen and Everitt 1969", level)
    return Agreement(name, kappa, error, interval, observed, expected, n)


def weight_matrix(k: int, weights: Weights) -> FloatArray:
    """Agreement weights ``[K, K]``: 1 on the diagonal."""
    if weights == "none" or k < 2:
        return np.eye(k)
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    return np.asarray(1 - (distance if weights == "linear" else distance**2), dtype=np.float64)


def intra_reader(
    pairs: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    *,
    weights: Weights = "none",
    categories: Sequence[object] | None = None,
    level: float = 0.95,
) -> dict[str, Agreement]:
    """Kappa of every reader's first and second reading of the same cases, by reader.

    All readers are measured on the same scale: the categories that any of them used.
    """
    if categories is None:
        used = {v for pair in pairs.values() for ratings in pair for v in np.asarray(ratings).tolist()}
        categories = sorted(used)
    return {
        reader: cohen_kappa(first, second, weights=weights, categories=categories, level=level)
        for reader, (first, second) in pairs.items()
    }


def limits_of_agreement(first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95) -> LimitsOfAgreement:
    """Bland and Altman's limits: ``mean(d) +- z sd(d)`` with ``d = first - second`` and z of ``level``.

    Intervals by Bland and Altman, Statistical Methods in Medical Research 1999; 8:135: the standard error of the bias is
    ``sd / sqrt(n)`` (t), that of a limit ``sd sqrt(1/n + z^2 / (2 (n - 1)))``. Assumes independent units, differences that are
    normal and do not depend on the size of what is measured.

    Raises
    ------
    ValueError
        Different lengths, fewer than two pairs, or a value that is not finite.
    """
    from scipy.special import stdtrit

    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or a.size < 2:
        raise ValueError(f"limits of agreement need two or more pairs, not shapes {a.shape} and {b.shape}")
    d = a - b
    if not np.isfinite(d).all():
        raise ValueError("a measurement is not finite")
    n, bias, sd, z = d.size, float(d.mean()), float(d.std(ddof=1)), normal_quantile(level)
    t = float(stdtrit(n - 1, 0.5 + level / 2))
    limit = t * sd * math.sqrt(1 / n + z**2 / (2 * (n - 1)))

    def around(centre: float, half: float) -> Interval:
        return Interval(centre - half, centre + half, "t (Bland and Altman 1999)", level)

    low, high = bias - z * sd, bias + z * sd
    return LimitsOfAgreement(
        bias, low, high, sd, around(bias, t * sd / math.sqrt(n)), around(low, limit), around(high, limit), n
    )
