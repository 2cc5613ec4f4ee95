"""AUCs of different cases: DeLong's test without pairing, and Hanley and McNeil's standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from usnet.statistics.intervals import Interval
from usnet.statistics.roc import delong


@dataclass(frozen=True, slots=True)
class UnpairedAuc:
    """``first - second`` of two AUCs on different cases; t, df and p are ``None`` where both variances are 0."""

    first: float
    second: float
    difference: float
    standard_error: float
    t: float | None
    df: float | None
    p: float | None
    interval: Interval | None
    method: str = "DeLong, unpaired, t with Welch's degrees of freedom"


def unpaired_test(
    truth: npt.ArrayLike,
    scores: npt.ArrayLike,
    other_truth: npt.ArrayLike,
    other_scores: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> UnpairedAuc:
    """Test of the AUCs of two groups of cases, ``truth [N], scores [N]`` and ``other_truth [M], other_scores [M]``.

    ``t = (A1 - A2) / sqrt(V1 + V2)`` with DeLong's variances; ``df = (V1 + V2)^2 / (V1^2 / (N - 1) + V2^2 / (M - 1))`` as in
    pROC (Robin et al., BMC Bioinformatics 2011; 12:77). For scores of the same cases use :func:`usnet.statistics.roc.paired_test`.

    Raises
    ------
    ValueError
        A group has fewer than two cases of a class, or a score is NaN.
    """
    results = [delong(truth, scores), delong(other_truth, other_scores)]
    first, second = (float(r[0][0]) for r in results)
    v1, v2 = (float(r[1][0, 0]) for r in results)
    n1, n2 = (np.asarray(t).size for t in (truth, other_truth))
    difference, error = first - second, math.sqrt(v1 + v2)
    if error <= 1e-12:
        return UnpairedAuc(first, second, difference, 0.0, None, None, None, None)
    df = (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    t = difference / error
    half = float(stdtrit(df, 0.5 + level / 2)) * error
    interval = Interval(difference - half, difference + half, "DeLong, unpaired", level)
    return UnpairedAuc(first, second, difference, error, t, df, float(2 * stdtr(df, -abs(t))), interval)


def hanley_mcneil_error(auc: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC from its value and the numbers of cases alone (exponential model).

    Hanley and McNeil, Radiology 1982; 143:29: ``A (1 - A) + (m - 1)(Q1 - A^2) + (n - 1)(Q2 - A^2)`` over ``m n`` with
    ``Q1 = A / (2 - A)`` and ``Q2 = 2 A^2 / (1 + A)``. For papers that print no interval; with scores at hand use DeLong.

    Raises
    ------
    ValueError
        ``auc`` is outside [0, 1] or a class has no cases.
    """
    if not 0 <= auc <= 1 or min(positives, negatives) < 1:
        raise ValueError(f"no standard error of AUC {auc} with {positives} positive and {negatives} negative cases")
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    total = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return math.sqrt(total / (positives * negatives))
