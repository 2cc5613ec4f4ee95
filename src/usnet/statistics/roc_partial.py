"""Partial area under the ROC curve, raw and corrected: McClish, Medical Decision Making 1989; 9:190."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray
from usnet.statistics.roc import check, weighted_curve

Axis = Literal["specificity", "sensitivity"]


@dataclass(frozen=True, slots=True)
class PartialAuc:
    """Area of the empirical curve over ``[low, high]`` of one axis; ``None`` where a class has no cases.

    ``corrected`` is McClish's: 0.5 for a useless score, 1 for a perfect one, whatever the range; it has no meaning, and is
    ``None``, where the raw area lies below that of a useless score.
    """

    value: float | None
    corrected: float | None
    low: float
    high: float
    axis: Axis


def partial_auc(
    truth: npt.ArrayLike,
    scores: npt.ArrayLike,
    low: float = 0.9,
    high: float = 1.0,
    *,
    axis: Axis = "specificity",
) -> PartialAuc:
    """Trapezoidal area between specificity (or sensitivity) ``low`` and ``high``, linear between points of the curve.

    Raises
    ------
    ValueError
        Not ``0 <= low < high <= 1``, or a score is NaN.
    """
    _, values = check(truth, scores)
    value = float(weighted_partial_auc(truth, scores, np.ones((1, values.shape[1])), low, high, axis=axis)[0])
    if np.isnan(value):
        return PartialAuc(None, None, low, high, axis)
    least = ((1 - low) ** 2 - (1 - high) ** 2) / 2
    most = high - low
    corrected = 0.5 * (1 + (value - least) / (most - least))
    return PartialAuc(value, corrected if value >= least else None, low, high, axis)


def weighted_partial_auc(
    truth: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: FloatArray,
    low: float = 0.9,
    high: float = 1.0,
    *,
    axis: Axis = "specificity",
) -> FloatArray:
    """The raw area under ``weights [B, N]``, for resampling: ``[B]``, NaN where a class has no weight."""
    if not 0 <= low < high <= 1:
        raise ValueError(f"a partial area needs 0 <= low < high <= 1, not {low} and {high}")
    sensitivity, specificity = weighted_curve(truth, scores, weights)
    if axis == "specificity":
        return _area(1 - specificity, sensitivity, 1 - high, 1 - low)
    return _area((1 - sensitivity)[:, ::-1], specificity[:, ::-1], 1 - high, 1 - low)


def _area(x: FloatArray, y: FloatArray, start: float, end: float) -> FloatArray:
    """Area under polylines ``[B, T]`` between ``start`` and ``end``; vertical steps have no width."""
    left, right = np.clip(x[:, :-1], start, end), np.clip(x[:, 1:], start, end)
    width = x[:, 1:] - x[:, :-1]
    slope = np.divide(y[:, 1:] - y[:, :-1], width, out=np.zeros_like(width), where=width > 0)
    middle = y[:, :-1] + slope * ((left + right) / 2 - x[:, :-1])
    return np.asarray(((right - left) * middle).sum(axis=1))
