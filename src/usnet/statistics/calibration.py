"""Do probabilities mean what they say? Brier score, expected calibration error, reliability curve, Platt and isotonic fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit

from usnet.statistics.arrays import FloatArray, IntArray, ratio
from usnet.statistics.clustered_rates import clustered_proportion
from usnet.statistics.intervals import Interval
from usnet.statistics.rates import Rate, rate

_RIDGE = 1e-2
"""Of each weight squared, against a fit on cases that separate fully."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Cases with a predicted probability in [low, high): their mean prediction and the share that is positive."""

    low: float
    high: float
    predicted: float
    observed: Rate


def brier(probability: npt.ArrayLike, truth: npt.ArrayLike, weights: FloatArray | None = None) -> FloatArray:
    """Mean squared difference between probability and truth: 0 is best, ``prevalence * (1 - prevalence)`` a constant guess.

    With ``weights [B, N]`` one value a row, otherwise ``[1]``; NaN where nothing has weight.
    """
    p, y = _pair(probability, truth)
    w = np.ones((1, p.size)) if weights is None else weights
    return ratio(w @ (p - y) ** 2, w.sum(axis=1))


def expected_calibration_error(
    probability: npt.ArrayLike, truth: npt.ArrayLike, bins: int = 10, weights: FloatArray | None = None
) -> FloatArray:
    """Mean gap between observed and predicted over equal-width bins: ``[B]``. Biased upwards where bins hold few cases.

    Interval: :func:`usnet.statistics.calibration_interval.calibration_error_interval`.
    """
    return np.asarray(np.abs(calibration_gaps(probability, truth, bins, weights)).sum(axis=1))


def calibration_gaps(
    probability: npt.ArrayLike, truth: npt.ArrayLike, bins: int = 10, weights: FloatArray | None = None
) -> FloatArray:
    """Predicted less observed number of positives in each bin of equal width, over the number of all cases: ``[B, bins]``.

    Their absolute values sum to the expected calibration error. NaN where nothing has weight.
    """
    p, y = _pair(probability, truth)
    w = np.ones((1, p.size)) if weights is None else weights
    member = (_bin(p, bins)[:, None] == np.arange(bins)).astype(np.float64)
    return ratio(w @ ((p - y)[:, None] * member), w.sum(axis=1, keepdims=True))


def reliability(
    probability: npt.ArrayLike,
    truth: npt.ArrayLike,
    bins: int = 10,
    *,
    groups: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """Equal-width bins that hold at least one case, with Wilson's interval (for clustered cases where ``groups [N]`` says so)."""
    p, y = _pair(probability, truth)
    place = _bin(p, bins)
    result = []
    for index in range(bins):
        here = place == index
        if here.any():
            observed = rate(float(y[here].sum()), float(here.sum()), level=level)
            if groups is not None:
                observed = _clustered(observed, clustered_proportion(y[here], np.asarray(groups)[here], level))
            result.append(ReliabilityBin(index / bins, (index + 1) / bins, float(p[here].mean()), observed))
    return tuple(result)


def _clustered(observed: Rate, interval: Interval | None) -> Rate:
    if interval is None:
        return observed
    return replace(observed, low=interval.low, high=interval.high, method=interval.method)


def logistic_weights(x: FloatArray, positive: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Logistic regression: weights of the columns of ``x [N, K]``, each held at 0 or above, and the intercept last.

    A small ridge on the weights keeps the fit finite where the cases separate.
    """

    def loss(w: FloatArray) -> tuple[float, FloatArray]:
        z = x @ w[:-1] + w[-1]
        miss = expit(z) - positive
        value = float(np.logaddexp(0, z).sum() - z[positive].sum() + _RIDGE * (w[:-1] ** 2).sum())
        return value, np.append(x.T @ miss + 2 * _RIDGE * w[:-1], miss.sum())

    start = np.append(np.full(x.shape[1], 0.5), 0.0)
    bounds = [(0.0, None)] * x.shape[1] + [(None, None)]
    return tuple(float(v) for v in minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x)


def platt(
    x: npt.ArrayLike, truth: npt.ArrayLike, *, ridge: float = 1e-6, smooth: bool = True, iterations: int = 100
) -> tuple[float, float]:
    """Slope and intercept of ``p = 1 / (1 + exp(-(slope * x + intercept)))`` by Newton's method.

    Platt (1999). ``smooth`` uses his targets ``(n1 + 1) / (n1 + 2)`` and ``1 / (n0 + 2)``, which with ``ridge`` (on the slope)
    keep the fit finite where the classes separate.

    Raises
    ------
    ValueError
        A class is missing or ``x`` is not finite.
    """
    values, labels = np.asarray(x, dtype=np.float64), np.asarray(truth, dtype=bool)
    n1, n0 = int(labels.sum()), int((~labels).sum())
    if min(n1, n0) == 0:
        raise ValueError("a logistic fit needs cases of both classes")
    if not np.isfinite(values).all():
        raise ValueError("a logistic fit needs finite values")
    target = np.where(labels, (n1 + 1) / (n1 + 2), 1 / (n0 + 2)) if smooth else labels.astype(np.float64)
    centre, spread = float(values.mean()), float(values.std()) or 1.0
    design = np.stack([(values - centre) / spread, np.ones_like(values)], axis=1)
    beta = _newton(design, target, np.array([ridge * values.size, 0.0]), iterations)
    slope = float(beta[0]) / spread
    return slope, float(beta[1]) - slope * centre


def _newton(design: FloatArray, target: FloatArray, ridge: FloatArray, iterations: int) -> FloatArray:
    """Penalised logistic regression; a step that does not lower the loss is halved."""
    beta = np.zeros(2)

    def loss(b: FloatArray) -> float:
        eta = design @ b
        return float(np.logaddexp(0, eta).sum() - target @ eta + 0.5 * ridge @ b**2)

    for _ in range(iterations):
        p = expit(design @ beta)
        gradient = design.T @ (p - target) + ridge * beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(ridge) + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(beta - size * step) > loss(beta):
            size /= 2
        beta = beta - size * step
        if np.abs(size * step).max() < 1e-10:
            break
    return beta


def isotonic(x: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Non-decreasing step fit (pool adjacent violators): distinct ``x`` and their fitted probabilities, for ``np.interp``."""
    values, y = np.asarray(x, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    knots, place = np.unique(values, return_inverse=True)
    counts = np.bincount(place.reshape(-1))
    means = np.bincount(place.reshape(-1), weights=y) / counts
    return knots, np.asarray(isotonic_regression(means, weights=counts).x, dtype=np.float64)


def _pair(probability: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if p.shape != y.shape or p.ndim != 1:
        raise ValueError(f"probabilities of shape {p.shape} do not go with truth of shape {y.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a probability is outside [0, 1]")
    return p, y


def _bin(p: FloatArray, bins: int) -> IntArray:
    return np.minimum((p * bins).astype(np.intp), bins - 1)
