"""ROC curve and the area under it, with DeLong's variance.

DeLong, DeLong and Clarke-Pearson, Biometrics 1988; 44:837, in the O(n log n) form of Sun and Xu, IEEE Signal Processing
Letters 2014; 21:1389. ``truth`` is true for positive cases; a higher score speaks for positive; ties count one half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtr

from usnet.statistics.arrays import BoolArray, FloatArray, IntArray, ratio, tie_ends
from usnet.statistics.intervals import Interval, normal_quantile

Scale = Literal["plain", "logit"]


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Points from (specificity 1, sensitivity 0) on. A case is positive at ``score >= threshold``."""

    thresholds: FloatArray
    sensitivity: FloatArray
    specificity: FloatArray
    true_positives: FloatArray
    false_positives: FloatArray


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the ROC curve; ``value`` is ``None`` where a class is missing, ``interval`` where none can be given.

    ``flags`` says why an estimate is degenerate: ``one class``, ``perfect``, ``constant``, ``too few`` (for a variance).
    """

    value: float | None
    variance: float | None
    interval: Interval | None
    positives: int
    negatives: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AucDifference:
    """``first - second`` of two AUCs; z and p are ``None`` where the variance of the difference is 0."""

    first: float
    second: float
    difference: float
    standard_error: float
    z: float | None
    p: float | None
    interval: Interval
    method: str


def check(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[BoolArray, FloatArray]:
    """``truth [N]`` and ``scores [k, N]`` as arrays.

    Raises
    ------
    ValueError
        Lengths differ or a score is NaN.
    """
    labels = np.asarray(truth, dtype=bool)
    values = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if labels.ndim != 1 or values.ndim != 2 or values.shape[1] != labels.size:
        raise ValueError(f"truth of shape {labels.shape} does not go with scores of shape {values.shape}")
    if np.isnan(values).any():
        raise ValueError("a score is NaN")
    return labels, values


def roc_curve(truth: npt.ArrayLike, scores: npt.ArrayLike) -> RocCurve:
    """All operating points, one for each distinct score; rates are NaN where a class is missing."""
    labels, values = check(truth, scores)
    order = np.argsort(-values[0], kind="stable")
    sorted_scores = values[0][order]
    last = tie_ends(sorted_scores)
    tp = np.concatenate([[0.0], np.cumsum(labels[order])[last]])
    fp = np.concatenate([[0.0], np.cumsum(~labels[order])[last]])
    thresholds = np.concatenate([[np.inf], sorted_scores[last]])
    return RocCurve(thresholds, ratio(tp, labels.sum()), 1 - ratio(fp, (~labels).sum()), tp, fp)


def placements(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Structural components of ``k`` curves: ``[k, positives]`` and ``[k, negatives]``, in the order of the input.

    For a positive case the share of negatives below it, for a negative case the share of positives above it, ties one half.
    """
    labels, values = check(truth, scores)
    rows = [_placements(labels, row) for row in values]
    return np.stack([r[0] for r in rows]), np.stack([r[1] for r in rows])


def _placements(labels: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    order = np.argsort(scores, kind="stable")
    positive = labels[order]
    first, last = tie_bounds(scores[order])
    positives_before = np.concatenate([[0], np.cumsum(positive)])
    negatives_before = np.arange(order.size + 1) - positives_before
    below = (negatives_before[first] + negatives_before[last]) / 2
    above = positives_before[-1] - (positives_before[first] + positives_before[last]) / 2
    share = np.empty(order.size)
    share[order] = np.where(positive, below / max(negatives_before[-1], 1), above / max(positives_before[-1], 1))
    return share[labels], share[~labels]


def tie_bounds(sorted_scores: FloatArray) -> tuple[IntArray, IntArray]:
    """For each sorted score the start and the (exclusive) end of its group of equal scores."""
    if not sorted_scores.size:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    new = np.concatenate([[True], sorted_scores[1:] != sorted_scores[:-1]])
    starts = np.append(np.flatnonzero(new), sorted_scores.size)
    group = np.cumsum(new) - 1
    return starts[group], starts[group + 1]


def delong(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """AUCs ``[k]`` and their covariance ``[k, k]`` for ``scores [k, N]`` on the same cases; needs two cases a class."""
    positive, negative = placements(truth, scores)
    if min(positive.shape[1], negative.shape[1]) < 2:
        raise ValueError("DeLong's variance needs at least two positive and two negative cases")
    covariance = (
        np.atleast_2d(np.cov(positive)) / positive.shape[1] + np.atleast_2d(np.cov(negative)) / negative.shape[1]
    )
    return positive.mean(axis=1), covariance


def auc(truth: npt.ArrayLike, scores: npt.ArrayLike, *, scale: Scale = "plain", level: float = 0.95) -> Auc:
    """AUC with DeLong's interval: ``plain`` is Wald's as pROC gives it, ``logit`` stays within (0, 1).

    Where DeLong's variance is 0 although the population need not be perfect, the interval is an exact bound: see
    :func:`finish`. All cases are taken as independent; see :mod:`usnet.statistics.clustered` where they are not.
    """
    labels, values = check(truth, scores)
    m, n = int(labels.sum()), int((~labels).sum())
    if min(m, n) == 0:
        return Auc(None, None, None, m, n, ("one class",))
    positive, negative = _sorted_placements(np.sort(values[0][labels]), np.sort(values[0][~labels]))
    if min(m, n) < 2:
        return Auc(float(positive.mean()), None, None, m, n, ("too few",))
    variance = float(positive.var(ddof=1) / m + negative.var(ddof=1) / n)
    return finish(float(positive.mean()), variance, (m, n), min(m, n), "DeLong", scale, level)


def _sorted_placements(positive: FloatArray, negative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Structural components of one curve from the sorted scores of each class, in that order.

    Only the smaller class is searched for in the larger; the larger one's ranks follow by counting. This takes little longer
    than the sorts, which is what counts for millions of scores.
    """
    if positive.size > negative.size:
        above, below = _sorted_placements(negative, positive)
        return 1 - below, 1 - above
    first, last = (np.searchsorted(negative, positive, side) for side in ("left", "right"))
    ends = np.bincount(first, minlength=negative.size + 1) + np.bincount(last, minlength=negative.size + 1)
    not_above = np.cumsum(ends[:-1])
    return (first + last) / (2 * negative.size), 1 - not_above / (2 * positive.size)


def finish(
    value: float,
    variance: float,
    sizes: tuple[int, int],
    pairs: int,
    method: str,
    scale: Scale = "plain",
    level: float = 0.95,
) -> Auc:
    """Interval of an AUC from its variance, or an exact bound where the variance is 0.

    The bound takes ``pairs`` disjoint, hence independent pairs of a positive and a negative case, all of which were ordered
    alike (or all tied), so that the share of such pairs is at least ``(alpha / 2) ** (1 / pairs)`` (Clopper-Pearson).
    """
    if variance > 1e-15:
        return Auc(
            value, variance, Interval(*_limits(value, variance, scale, level), _name(method, scale), level), *sizes
        )
    bound = ((1 - level) / 2) ** (1 / max(pairs, 1))
    text = f"exact bound from {pairs} independent pairs ({method} variance is 0)"
    if value == 1:
        return Auc(value, 0.0, Interval(bound, 1.0, text, level), *sizes, ("perfect",))
    if value == 0:
        return Auc(value, 0.0, Interval(0.0, 1 - bound, text, level), *sizes, ("perfect",))
    if value == 0.5:
        return Auc(value, 0.0, Interval(bound / 2, 1 - bound / 2, text, level), *sizes, ("constant",))
    return Auc(value, 0.0, None, *sizes, ("too few",))


def _name(method: str, scale: Scale) -> str:
    return method if scale == "plain" else f"{method}, logit"


def _limits(value: float, variance: float, scale: Scale, level: float) -> tuple[float, float]:
    z = normal_quantile(level)
    if scale == "logit" and 0 < value < 1:
        half = z * np.sqrt(variance) / (value * (1 - value))
        return float(expit(logit(value) - half)), float(expit(logit(value) + half))
    half = z * np.sqrt(variance)
    return max(0.0, value - half), min(1.0, value + half)


def paired_test(
    truth: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95
) -> AucDifference:
    """DeLong's test of two scores on the same independent cases."""
    values, covariance = delong(truth, np.stack([np.asarray(first, float), np.asarray(second, float)]))
    return contrast(values, covariance, "DeLong, paired", level)


def contrast(values: FloatArray, covariance: FloatArray, method: str, level: float = 0.95) -> AucDifference:
    """Test of ``values[0] - values[1]`` against 0 with their 2 x 2 covariance."""
    difference = float(values[0] - values[1])
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    z = difference / error if error > 0 else None
    p = float(2 * ndtr(-abs(z))) if z is not None else None
    half = normal_quantile(level) * error
    interval = Interval(difference - half, difference + half, method, level)
    return AucDifference(float(values[0]), float(values[1]), difference, error, z, p, interval, method)


def weighted_auc(truth: npt.ArrayLike, scores: npt.ArrayLike, weights: FloatArray) -> FloatArray:
    """AUC of one score under ``weights [B, N]``: ``[B]``, NaN where a class has no weight. For resampling."""
    labels, values = check(truth, scores)
    order = np.argsort(values[0], kind="stable")
    first, last = tie_bounds(values[0][order])
    positive = np.flatnonzero(labels[order])
    sorted_weights = weights[:, order]
    negatives = np.zeros((weights.shape[0], order.size + 1))
    np.cumsum(sorted_weights * ~labels[order], axis=1, out=negatives[:, 1:])
    wins = (negatives[:, first[positive]] + negatives[:, last[positive]]) / 2
    gain = sorted_weights[:, positive]
    total = gain.sum(axis=1) * negatives[:, -1]
    return ratio((gain * wins).sum(axis=1), total)


def weighted_curve(truth: npt.ArrayLike, scores: npt.ArrayLike, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sensitivity and specificity of one score under ``weights [B, N]``, for resampling: ``[B, T + 1]`` twice.

    From (0, 1) on, a point for each of the ``T`` distinct scores by falling threshold; NaN where a class has no weight.
    """
    labels, values = check(truth, scores)
    order = np.argsort(-values[0], kind="stable")
    last = tie_ends(values[0][order])
    sorted_weights = weights[:, order]
    rates = []
    for chosen in (labels[order], ~labels[order]):
        seen = np.zeros((weights.shape[0], last.size + 1))
        seen[:, 1:] = np.cumsum(sorted_weights * chosen, axis=1)[:, last]
        rates.append(ratio(seen, seen[:, -1:]))
    return rates[0], 1 - rates[1]
