"""Points on a ROC curve: sensitivity at a fixed specificity, and thresholds chosen by a stated rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.intervals import Method
from usnet.statistics.rates import Rate, rate
from usnet.statistics.roc import RocCurve, roc_curve, weighted_curve


@dataclass(frozen=True, slots=True)
class RocPoint:
    """Positive at ``score >= threshold``. The intervals take the threshold as given, not as chosen on these data."""

    threshold: float
    sensitivity: Rate
    specificity: Rate


def sensitivity_at(
    truth: npt.ArrayLike, scores: npt.ArrayLike, specificity: float, *, method: Method = "wilson", level: float = 0.95
) -> RocPoint | None:
    """The most sensitive point whose specificity is at least ``specificity``; ``None`` where a class is missing."""
    curve = roc_curve(truth, scores)
    if not (np.isfinite(curve.sensitivity).all() and np.isfinite(curve.specificity).all()):
        return None
    allowed = np.flatnonzero(curve.specificity >= specificity - 1e-12)
    return _point(curve, int(allowed[np.argmax(curve.sensitivity[allowed])]), method, level)


def weighted_sensitivity_at(
    truth: npt.ArrayLike, scores: npt.ArrayLike, specificity: float, weights: FloatArray
) -> FloatArray:
    """Value of :func:`sensitivity_at` under ``weights [B, N]``, for resampling: ``[B]``, NaN where a class has no weight.

    Each draw reads off its own threshold, so that a bootstrap interval holds for the score and not for one threshold.
    """
    sensitivity, reached = weighted_curve(truth, scores, weights)
    allowed = np.count_nonzero(reached >= specificity - 1e-12, axis=1)
    return np.asarray(sensitivity[np.arange(len(weights)), allowed - 1])


def youden(
    truth: npt.ArrayLike, scores: npt.ArrayLike, *, method: Method = "wilson", level: float = 0.95
) -> RocPoint | None:
    """The point of greatest sensitivity + specificity - 1 (of equals the most specific)."""
    curve = roc_curve(truth, scores)
    index = curve.sensitivity + curve.specificity
    if not np.isfinite(index).all():
        return None
    return _point(curve, int(np.argmax(np.round(index, 12))), method, level)


def _point(curve: RocCurve, at: int, method: Method, level: float) -> RocPoint:
    tp, positives = float(curve.true_positives[at]), float(curve.true_positives[-1])
    fp, negatives = float(curve.false_positives[at]), float(curve.false_positives[-1])
    return RocPoint(
        float(curve.thresholds[at]), rate(tp, positives, method, level), rate(negatives - fp, negatives, method, level)
    )
