"""Decision curve: what acting on a probability is worth, in true positives for each case, at each threshold.

Vickers and Elkin, Medical Decision Making 2006; 26:565. The threshold is the probability at which one is indifferent to acting:
at 10 % one accepts nine needless biopsies for one cancer found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray, ratio


@dataclass(frozen=True, slots=True)
class DecisionCurve:
    """Net benefit of the model and of acting on all, at each threshold ``[T]``; acting on none is 0 everywhere.

    NaN where a class has no cases. ``prevalence`` is that of the sample, or the one asked for.
    """

    thresholds: FloatArray
    model: FloatArray
    everyone: FloatArray
    prevalence: float
    n: int


def decision_curve(
    probability: npt.ArrayLike,
    truth: npt.ArrayLike,
    thresholds: npt.ArrayLike | None = None,
    *,
    prevalence: float | None = None,
) -> DecisionCurve:
    """Net benefit ``TP/n - FP/n * t / (1 - t)``, acting where ``probability >= t``.

    ``thresholds`` default to 0.01, 0.02 .. 0.99. ``prevalence`` replaces that of the sample (a sample of half cancers says nothing
    about a screening clinic): ``sensitivity * prevalence - (1 - specificity) (1 - prevalence) t / (1 - t)``.

    Raises
    ------
    ValueError
        A probability, threshold or prevalence is outside its range, or shapes differ.
    """
    t = np.arange(1, 100) / 100 if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    y = np.asarray(truth, dtype=bool)
    share = float(y.mean()) if y.size else float("nan")
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError(f"prevalence {prevalence} is not between 0 and 1")
    pi = share if prevalence is None else prevalence
    model = net_benefit(probability, truth, t, np.ones((1, y.size)), prevalence=prevalence)[0]
    return DecisionCurve(t, model, pi - (1 - pi) * t / (1 - t), pi, y.size)


def net_benefit(
    probability: npt.ArrayLike,
    truth: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    weights: FloatArray,
    *,
    prevalence: float | None = None,
) -> FloatArray:
    """Net benefit under case weights ``[B, N]`` at thresholds ``[T]``: ``[B, T]``. For resampling.

    NaN where nothing has weight, or, with ``prevalence``, where a class has none.
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(truth, dtype=bool)
    t = np.asarray(thresholds, dtype=np.float64)
    if p.shape != y.shape or p.ndim != 1:
        raise ValueError(f"probabilities of shape {p.shape} do not go with truth of shape {y.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a probability is outside [0, 1]")
    if not ((t >= 0) & (t < 1)).all():
        raise ValueError("a threshold is outside [0, 1)")
    acted = (p[:, None] >= t).astype(np.float64)
    tp, fp = (weights * y) @ acted, (weights * ~y) @ acted
    positives, negatives = (weights @ y)[:, None], (weights @ ~y)[:, None]
    if prevalence is None:
        total = positives + negatives
        return ratio(tp, total) - ratio(fp, total) * t / (1 - t)
    return ratio(tp, positives) * prevalence - ratio(fp, negatives) * (1 - prevalence) * t / (1 - t)
