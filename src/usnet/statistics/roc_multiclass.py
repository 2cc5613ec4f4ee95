"""One AUC for several classes: Hand and Till, Machine Learning 2001; 45:171."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from usnet.statistics.roc import placements


def hand_till(classes: npt.ArrayLike, scores: npt.ArrayLike, labels: npt.ArrayLike | None = None) -> float | None:
    """Mean AUC over all pairs of classes; ``None`` with fewer than two classes.

    Parameters
    ----------
    classes
        ``[N]`` class of each case.
    scores
        ``[N]`` one score for all classes: the direction of each pair is that which gives an AUC of at least one half, so a
        useless score lies above one half (pROC chooses by medians, which agrees unless the AUC is near one half). Or ``[N, K]``
        a score a class: the mean of both directions ``(A(i|j) + A(j|i)) / 2``, equation 7.
    labels
        ``[K]`` the class of each column; default: the sorted distinct classes.

    Raises
    ------
    ValueError
        A score is NaN, shapes differ, or a class has no column.
    """
    truth, values = np.asarray(classes), np.asarray(scores, dtype=np.float64)
    present = np.unique(truth)
    if truth.ndim != 1 or values.shape[:1] != truth.shape:
        raise ValueError(f"classes of shape {truth.shape} do not go with scores of shape {values.shape}")
    if present.size < 2:
        return None
    if values.ndim == 1:
        areas = [_pair(truth, values, first, second) for first, second in combinations(present, 2)]
        return float(np.mean([max(a, 1 - a) for a in areas]))
    columns = list(present if labels is None else np.asarray(labels))
    if len(columns) != values.shape[1] or not set(present) <= set(columns):
        raise ValueError(f"{values.shape[1]} columns of scores do not go with the classes {present.tolist()}")
    both = [
        (_pair(truth, values[:, columns.index(i)], i, j) + _pair(truth, values[:, columns.index(j)], j, i)) / 2
        for i, j in combinations(present, 2)
    ]
    return float(np.mean(both))


def _pair(truth: npt.NDArray[np.generic], scores: npt.NDArray[np.float64], first: object, second: object) -> float:
    """AUC of ``first`` against ``second``."""
    here = (truth == first) | (truth == second)
    return float(placements(truth[here] == first, scores[here])[0].mean())
