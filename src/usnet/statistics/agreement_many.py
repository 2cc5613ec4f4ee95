"""Agreement of several readers: Fleiss' kappa and Gwet's AC1 and AC2, also where not every reader rated every unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from usnet.statistics.agreement import Agreement, Weights, weight_matrix
from usnet.statistics.arrays import FloatArray
from usnet.statistics.intervals import Interval


def rating_counts(
    ratings: Sequence[Sequence[object | None]], categories: Sequence[object] | None = None
) -> tuple[FloatArray, list[object]]:
    """How often each unit got each category, ``[N, K]``, from a row of ratings a unit; ``None`` is a missing rating.

    Raises
    ------
    ValueError
        A rating is no category.
    """
    used = {value for row in ratings for value in row if value is not None}
    order = list(categories) if categories is not None else sorted(used)  # type: ignore[type-var]
    place = {category: index for index, category in enumerate(order)}
    unknown = [value for value in used if value not in place]
    if unknown:
        raise ValueError(f"rating {unknown[0]!r} is none of the categories {order}")
    counts = np.zeros((len(ratings), len(order)))
    for unit, row in enumerate(ratings):
        for value in row:
            if value is not None:
                counts[unit, place[value]] += 1
    return counts, order


def fleiss_kappa(counts: npt.ArrayLike, *, weights: Weights = "none", level: float = 0.95) -> Agreement:
    """Fleiss' kappa (Psychological Bulletin 1971; 76:378) from counts ``[N, K]``, with Gwet's variance.

    The variance takes units as a random sample and readers as fixed (Gwet, Handbook of Inter-Rater Reliability, 4th edition 2014,
    chapter 5), so that the interval holds for these readers; interval by t with N - 1 degrees of freedom. It is not the
    variance under no agreement at all, which Fleiss gave for a test.
    """
    return _coefficient(counts, weights, level, gwet=False)


def gwet_ac(counts: npt.ArrayLike, *, weights: Weights = "none", level: float = 0.95) -> Agreement:
    """Gwet's AC1 (``weights`` none) or AC2 (weighted), Br J Math Stat Psychol 2008; 61:29, from counts ``[N, K]``.

    Less moved by a rare category than kappa. Variance and interval as in :func:`fleiss_kappa`.
    """
    return _coefficient(counts, weights, level, gwet=True)


def _coefficient(counts: npt.ArrayLike, weights: Weights, level: float, gwet: bool) -> Agreement:
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or (table < 0).any():
        raise ValueError("agreement needs counts of shape (units, categories)")
    table = table[table.sum(axis=1) > 0]
    raters = table.sum(axis=1)
    several = raters >= 2
    n, k = table.shape
    kind = "AC1" if weights == "none" else "AC2"
    name = f"Gwet's {kind}" if gwet else "Fleiss' kappa"
    name += "" if weights == "none" else f", {weights} weights"
    if several.sum() < 2:
        raise ValueError("agreement needs at least two units with two ratings")
    w = weight_matrix(k, weights)
    agreeing = (table * (table @ w - 1)).sum(axis=1)
    share = np.divide(agreeing, raters * (raters - 1), out=np.zeros(n), where=several)
    observed = float(share.sum() / several.sum())
    expected, unit_expected = _chance(table, raters, w, gwet)
    if 1 - expected < 1e-12 or k < 2:
        note = "undefined: all ratings in one category"
        return Agreement(name, None, None, None, observed, expected, n, note)
    value = (observed - expected) / (1 - expected)
    influence = n / several.sum() * (share - expected * several) / (1 - expected)
    influence -= 2 * (1 - value) * (unit_expected - expected) / (1 - expected)
    error = math.sqrt(float(((influence - value) ** 2).sum()) / (n * (n - 1)))
    if error < 1e-12:
        return Agreement(name, value, 0.0, None, observed, expected, n, "no interval: the estimated variance is 0")
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * error
    interval = Interval(max(value - half, -1.0), min(value + half, 1.0), "Gwet 2014, units random, t", level)
    return Agreement(name, value, error, interval, observed, expected, n)


def _chance(table: FloatArray, raters: FloatArray, w: FloatArray, gwet: bool) -> tuple[float, FloatArray]:
    """Agreement expected by chance, and each unit's part in it."""
    k = table.shape[1]
    prevalence = (table / raters[:, None]).mean(axis=0)
    if gwet:
        scale = w.sum() / (k * (k - 1)) if k > 1 else 0.0
        return float(scale * (prevalence @ (1 - prevalence))), scale * (table @ (1 - prevalence)) / raters
    return float(prevalence @ w @ prevalence), table @ ((w + w.T) @ prevalence / 2) / raters
