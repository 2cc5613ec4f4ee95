"""AUC where cases come in clusters (several images of a patient): Obuchowski, Biometrics 1997; 53:567.

Clusters of one give DeLong's variance. With few clusters (below about 20) the variance itself is unstable.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import BoolArray, FloatArray, IntArray
from usnet.statistics.roc import Auc, AucDifference, Scale, check, contrast, finish, placements

FEW_CLUSTERS = 20


def cluster_codes(groups: npt.ArrayLike) -> tuple[IntArray, int]:
    """Codes 0 .. G-1 for any labels, and G."""
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    return codes.astype(np.intp).reshape(-1), int(codes.max(initial=-1)) + 1


def clustered_covariance(
    truth: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """AUCs ``[k]`` of ``scores [k, N]`` and their covariance ``[k, k]``.

    Raises
    ------
    ValueError
        Fewer than two clusters hold positive, or negative, cases.
    """
    labels, values = check(truth, scores)
    codes, count = cluster_codes(groups)
    with_positive, with_negative = _clusters_of_each(labels, codes)
    if min(with_positive, with_negative) < 2:
        raise ValueError("the clustered variance needs two clusters with positive and two with negative cases")
    positive, negative = placements(labels, values)
    aucs = positive.mean(axis=1)
    x, y = _excess(positive, codes[labels], count, aucs), _excess(negative, codes[~labels], count, aucs)
    m, n = positive.shape[1], negative.shape[1]
    s10 = with_positive / (with_positive - 1) * (x @ x.T) / m**2
    s01 = with_negative / (with_negative - 1) * (y @ y.T) / n**2
    s11 = count / (count - 1) * (x @ y.T) / (m * n)
    return aucs, s10 + s01 + s11 + s11.T


def _clusters_of_each(labels: BoolArray, codes: IntArray) -> tuple[int, int]:
    """Numbers of clusters that hold a positive, and a negative, case."""
    return int(np.unique(codes[labels]).size), int(np.unique(codes[~labels]).size)


def _excess(share: FloatArray, codes: IntArray, count: int, aucs: FloatArray) -> FloatArray:
    """Sum over each cluster of (component - AUC), ``[k, G]``."""
    sums = [np.bincount(codes, weights=row, minlength=count) for row in share - aucs[:, None]]
    return np.array(sums, dtype=np.float64)


def clustered_auc(
    truth: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike, *, scale: Scale = "plain", level: float = 0.95
) -> Auc:
    """AUC with Obuchowski's interval (DeLong's where every cluster has one case)."""
    labels, values = check(truth, scores)
    codes, count = cluster_codes(groups)
    m, n = int(labels.sum()), int((~labels).sum())
    if min(m, n) == 0:
        return Auc(None, None, None, m, n, ("one class",))
    with_positive, with_negative = _clusters_of_each(labels, codes)
    if min(with_positive, with_negative) < 2:
        return Auc(float(placements(labels, values)[0].mean()), None, None, m, n, ("too few",))
    aucs, covariance = clustered_covariance(labels, values, codes)
    pairs = min(with_positive, with_negative, count // 2)
    method = "DeLong" if count == labels.size else f"Obuchowski 1997, {count} clusters"
    return finish(float(aucs[0]), float(covariance[0, 0]), (m, n), pairs, method, scale, level)


def clustered_paired_test(
    truth: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> AucDifference:
    """Test of two scores on the same clustered cases."""
    stacked = np.stack([np.asarray(first, float), np.asarray(second, float)])
    aucs, covariance = clustered_covariance(truth, stacked, groups)
    codes, count = cluster_codes(groups)
    method = "DeLong, paired" if count == codes.size else f"Obuchowski 1997, paired, {count} clusters"
    return contrast(aucs, covariance, method, level)
