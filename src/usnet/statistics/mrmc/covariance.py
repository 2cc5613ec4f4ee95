"""Covariance of figures of merit over readers and modalities that share cases.

A *cell* is one reader in one modality; ``scores [n, K]`` holds one row a cell, NaN where the case was not read. All functions
return values ``[n]`` and a covariance ``[n, n]``; cells that share no case have covariance 0.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from usnet.errors import ConfigError
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.mrmc.merit import Merit
from usnet.statistics.mrmc.study import MissingClass
from usnet.statistics.roc import placements

CovarianceMethod = Literal["delong", "jackknife", "unbiased"]


def covariance_of(
    truth: BoolArray, scores: FloatArray, merit: Merit, method: CovarianceMethod = "delong"
) -> tuple[FloatArray, FloatArray]:
    """Values and covariance by the named method.

    Raises
    ------
    ConfigError
        The method is unknown, or is not made for the merit: only the AUC has ``delong`` and ``unbiased``.
    MissingClass
        A cell has fewer than two cases of a class that the merit uses.
    """
    if method not in get_args(CovarianceMethod):
        raise ConfigError(f"unknown covariance method {method!r}", expected=" or ".join(get_args(CovarianceMethod)))
    if method != "jackknife" and merit.name != "AUC":
        raise ConfigError(f"the {method} covariance is for the AUC, not for the {merit.name}", hint="Use jackknife")
    refuse_small_classes(truth, scores, merit)
    if method == "delong":
        return delong_covariance(truth, scores)
    if method == "unbiased":
        return unbiased_covariance(truth, scores)
    return jackknife_covariance(*leave_one_out(truth, scores, merit))


def refuse_small_classes(truth: BoolArray, scores: FloatArray, merit: Merit) -> None:
    """Raise :class:`MissingClass` where a cell has fewer than two cases of a class that ``merit`` uses."""
    read = ~np.isnan(scores)
    for label, chosen in (("with", truth), ("without", ~truth)):
        if (merit.used(truth) & chosen).any() and read[:, chosen].sum(axis=1).min() < 2:
            raise MissingClass(
                f"a reader has fewer than two cases {label} the condition in a modality",
                expected="two of each class for a variance",
            )


def delong_covariance(truth: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """DeLong's covariance of AUCs (Biometrics 1988; 44:837), also where cells share only part of their cases.

    Over the shared cases of a class the products of deviations are summed, times ``s / (s - 1)`` and divided by both numbers of
    cases, with ``s`` the number shared.
    """
    values = np.empty(scores.shape[0])
    shares = np.full(scores.shape, np.nan)
    for rows, read in _same_cases(scores):
        positive, negative = placements(truth[read], scores[np.ix_(rows, np.flatnonzero(read))])
        shares[np.ix_(rows, np.flatnonzero(read & truth))] = positive
        shares[np.ix_(rows, np.flatnonzero(read & ~truth))] = negative
        values[rows] = positive.mean(axis=1)
    return values, sum_over_classes(truth, shares - values[:, None])


def sum_over_classes(truth: BoolArray, deviations: FloatArray) -> FloatArray:
    """Covariance ``[n, n]`` from deviations ``[n, K]`` (NaN: not read): the sum over both classes, each as in DeLong."""
    total = np.zeros((deviations.shape[0],) * 2)
    for chosen in (truth, ~truth):
        part = deviations[:, chosen]
        known = (~np.isnan(part)).astype(np.float64)
        filled = np.where(known > 0, part, 0.0)
        shared, count = known @ known.T, known.sum(axis=1)
        factor = np.divide(shared, shared - 1, out=np.zeros_like(shared), where=shared > 1)
        total += factor * (filled @ filled.T) / np.outer(count, count)
    return total


def unbiased_covariance(truth: BoolArray, scores: FloatArray, budget: float = 2**24) -> tuple[FloatArray, FloatArray]:
    """Unbiased covariance of AUCs (Gallas 2006; Gallas, Pennello and Myers, JOSA A 2007; 24:B70).

    The product of two AUCs minus an unbiased estimate of the product of their expectations: the mean of
    ``s(x, y) s'(x', y')`` over pairs of negative cases ``x != x'`` and of positive cases ``y != y'``. At most ``budget``
    comparisons are held at a time.
    """
    read = (~np.isnan(scores)).astype(np.float64)
    x, y = scores[:, ~truth], scores[:, truth]
    seen_x, seen_y = read[:, ~truth], read[:, truth]
    n = scores.shape[0]
    pair = np.zeros((n, n))
    over_x, over_y = np.zeros((n, y.shape[1])), np.zeros((n, x.shape[1]))
    chunk = max(1, int(budget / (n * y.shape[1])))
    for start in range(0, x.shape[1], chunk):
        here = slice(start, start + chunk)
        won = wins(x[:, here], y)
        over_x += won.sum(axis=1)
        over_y[:, here] = won.sum(axis=2)
        flat = won.reshape(n, -1)
        pair += flat @ flat.T
    total = over_x.sum(axis=1)
    count_x, count_y = seen_x.sum(axis=1), seen_y.sum(axis=1)
    both_x, both_y = seen_x @ seen_x.T, seen_y @ seen_y.T
    pairs = count_x * count_y
    top = np.outer(total, total) - over_x @ over_x.T - over_y @ over_y.T + pair
    bottom = (np.outer(count_x, count_x) - both_x) * (np.outer(count_y, count_y) - both_y)
    values = total / pairs
    return values, np.outer(values, values) - top / bottom


def wins(negative: FloatArray, positive: FloatArray) -> FloatArray:
    """``[n, N, P]``: 1 where the positive case scores higher, one half where equal, 0 where lower or not read."""
    x, y = negative[:, :, None], positive[:, None, :]
    return np.asarray((y > x) + 0.5 * (y == x), dtype=np.float64)


def leave_one_out(truth: BoolArray, scores: FloatArray, merit: Merit) -> tuple[FloatArray, FloatArray]:
    """Values ``[n]`` and ``[n, K']`` with each case left out, over the cases that the merit uses; NaN: not read."""
    used = np.flatnonzero(merit.used(truth))
    values = np.empty(scores.shape[0])
    without = np.full((scores.shape[0], used.size), np.nan)
    for rows, read in _same_cases(scores):
        here = np.flatnonzero(read)
        labels, block = truth[here], scores[np.ix_(rows, here)]
        values[rows] = merit.function(labels, block)
        columns = np.flatnonzero(read[used])
        without[np.ix_(rows, columns)] = _without(labels, block, merit)[:, merit.used(labels)]
    return values, without


def _without(labels: BoolArray, block: FloatArray, merit: Merit) -> FloatArray:
    if merit.name == "AUC":
        positive, negative = placements(labels, block)
        auc = positive.mean(axis=1, keepdims=True)
        result = np.empty(block.shape)
        result[:, labels] = auc + (auc - positive) / (positive.shape[1] - 1)
        result[:, ~labels] = auc + (auc - negative) / (negative.shape[1] - 1)
        return result
    result = np.full(block.shape, np.nan)
    for case in np.flatnonzero(merit.used(labels)):
        kept = np.arange(labels.size) != case
        result[:, case] = merit.function(labels[kept], block[:, kept])
    return result


def jackknife_covariance(values: FloatArray, without: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Jackknife covariance from ``values [n]`` and leave-one-out values ``without [n, K]`` (NaN: case not read).

    ``(K - 1) / K`` times the sum of products of deviations from the mean over cases; with ``K`` the cases that both read.
    """
    known = (~np.isnan(without)).astype(np.float64)
    centred = without - np.nanmean(without, axis=1, keepdims=True)
    filled = np.where(known > 0, centred, 0.0)
    # A case weighs 1/K in a cell of K cases: cells of unlike size are put on one scale before their shared cases are summed.
    count = known.sum(axis=1)
    scaled = filled * (count - 1)[:, None] / count[:, None]
    shared = known @ known.T
    factor = np.divide(shared, shared - 1, out=np.zeros_like(shared), where=shared > 1)
    return values, factor * (scaled @ scaled.T)


def _same_cases(scores: FloatArray) -> list[tuple[np.ndarray, BoolArray]]:
    """Cells grouped by the set of cases that they read."""
    read = ~np.isnan(scores)
    patterns, group = np.unique(read, axis=0, return_inverse=True)
    return [(np.flatnonzero(group.reshape(-1) == index), pattern) for index, pattern in enumerate(patterns)]
