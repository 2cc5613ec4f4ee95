"""Calibration slope and intercept: the logistic line from a model's log odds to the truth, with cluster-robust intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from usnet.statistics.arrays import FloatArray
from usnet.statistics.calibration import platt
from usnet.statistics.clustered import cluster_codes
from usnet.statistics.intervals import Interval, normal_quantile

CLIP = 1e-6
"""Probabilities nearer to 0 or 1 than this are moved here: their log odds would be infinite."""


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """``slope`` 1 and ``intercept`` 0 are perfect; a slope below 1 means too bold (too near 0 and 1).

    All are ``None`` where a class is missing, the probability is constant, or the classes separate fully; ``note`` says which.
    """

    slope: float | None
    intercept: float | None
    slope_interval: Interval | None
    intercept_interval: Interval | None
    clipped: int = 0
    note: str | None = None


def calibration_line(
    probability: npt.ArrayLike, truth: npt.ArrayLike, groups: npt.ArrayLike | None = None, level: float = 0.95
) -> CalibrationLine:
    """Logistic regression of truth ``[N]`` on ``logit(probability [N])`` (Cox, Biometrika 1958; 45:562).

    Variance: the sandwich ``H^-1 (sum_g s_g s_g') H^-1 G / (G - 1)`` of the scores summed over each of G groups (Liang and Zeger,
    Biometrika 1986; 73:13); cases are groups of their own where ``groups`` is ``None``.
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(truth, dtype=bool)
    inside = np.clip(p, CLIP, 1 - CLIP)
    x, clipped = logit(inside), int((inside != p).sum())
    if y.all() or not y.any():
        return CalibrationLine(None, None, None, None, clipped, "not estimable: a class has no cases")
    if np.ptp(x) < 1e-12:
        return CalibrationLine(None, None, None, None, clipped, "not estimable: all probabilities are equal")
    if x[y].min() >= x[~y].max() or x[y].max() <= x[~y].min():
        return CalibrationLine(None, None, None, None, clipped, "not estimable: the classes separate fully")
    slope, intercept = platt(x, y, ridge=0.0, smooth=False)
    codes, count = cluster_codes(np.arange(y.size) if groups is None else groups)
    if count < 2:
        return CalibrationLine(slope, intercept, None, None, clipped, "no interval: one cluster")
    errors = np.sqrt(np.diag(_sandwich(x, y, (slope, intercept), codes, count)))
    half = normal_quantile(level) * errors
    kind = "sandwich" if count == y.size else f"sandwich, {count} clusters"
    intervals = [
        Interval(v - float(h), v + float(h), kind, level) for v, h in zip((slope, intercept), half, strict=True)
    ]
    return CalibrationLine(slope, intercept, intervals[0], intervals[1], clipped)


def _sandwich(
    x: FloatArray, y: npt.NDArray[np.bool_], line: tuple[float, float], codes: npt.NDArray[np.intp], count: int
) -> FloatArray:
    fitted = expit(line[0] * x + line[1])
    design = np.stack([x, np.ones_like(x)], axis=1)
    bread = np.linalg.inv((design * (fitted * (1 - fitted))[:, None]).T @ design)
    scores = design * (y - fitted)[:, None]
    summed = np.stack([np.bincount(codes, weights=column, minlength=count) for column in scores.T], axis=1)
    return np.asarray(count / (count - 1) * bread @ (summed.T @ summed) @ bread)
