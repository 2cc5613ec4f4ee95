"""Success moments of a two-sample, multi-reader U-statistic, from sums over readers and cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usnet.statistics.arrays import BoolArray, FloatArray, ratio
from usnet.statistics.mrmc.covariance import wins

# Sums over all index pairs -> sums over pairs whose indices differ where the moment says so. Columns and rows: negative case,
# positive case and reader are (same or any / different) as in M1 .. M8 of Gallas 2009, equation 5.
_TO_DIFFERENT = np.kron(
    np.array([[1, 0], [-1, 1]]), np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]])
)

# Weight of each component (negative cases, positive cases, readers) from the weights of the moments (Gallas 2009, eq. 19).
_COEFFICIENT = np.array(
    [[1, 0, 1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]], dtype=np.float64
)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Covariance of the reader-averaged AUCs of two modalities (variance where they are the same).

    ``moments`` and ``biased [8]`` estimate ``E[s s']`` with pairs of indices all different where they must be, or any;
    ``coefficients [8]`` weigh them. NaN where no such pair of readings exists.
    """

    first: float
    second: float
    moments: FloatArray
    biased: FloatArray
    coefficients: FloatArray

    @property
    def estimable(self) -> bool:
        """Whether the unbiased covariance exists."""
        return bool(np.isfinite(self.moments[-1]))

    @property
    def covariance(self) -> float:
        """Unbiased; it can be negative, also where it is a variance."""
        return _weigh(self.coefficients, self.moments)

    @property
    def covariance_mle(self) -> float:
        """From the biased moments: the maximum-likelihood (ideal bootstrap) estimate."""
        return _weigh(self.coefficients, self.biased)

    @property
    def biased_components(self) -> FloatArray:
        """``[3]``: components of negative cases, positive cases and readers; 0 where the two share none of them."""
        return np.asarray(np.nan_to_num(self.biased[[6, 5, 3]] - self.biased[7]))

    @property
    def degrees(self) -> FloatArray:
        """``[3]``: effective numbers of negative cases, positive cases and readers, less one."""
        share = _COEFFICIENT @ self.coefficients
        return np.asarray(np.round(np.divide(1.0, share, out=np.full(3, np.inf), where=share > 0) - 1))


def _weigh(coefficients: FloatArray, moments: FloatArray) -> float:
    used = coefficients != 0
    return float(coefficients[used] @ moments[used])


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two modalities: the reader-averaged moments, and the AUC of the first and the unbiased covariance of each reader ``[R]``."""

    total: Moments
    reader_values: FloatArray
    reader_variances: FloatArray


def pair_moments(
    truth: BoolArray, first: FloatArray, second: FloatArray, shifts: tuple[float, float] = (0.0, 0.0)
) -> Pair:
    """Moments of ``first`` and ``second``, both ``[R, K]`` with NaN where a reader did not read a case.

    One pass over the readers; memory of a few ``negatives x positives`` matrices. ``shifts`` are taken off the success of every
    pair of cases before moments are formed: the same covariance is estimated, with less noise where readings are missing and the
    shifts are near the AUCs. Values are given without the shift.
    """
    x1, y1, x2, y2 = first[:, ~truth], first[:, truth], second[:, ~truth], second[:, truth]
    seen = tuple((~np.isnan(block)).astype(np.float64) for block in (x1, y1, x2, y2))
    readers, shape = first.shape[0], (x1.shape[1], y1.shape[1])
    own, won = np.zeros((readers, 2, 4)), np.zeros(readers)
    totals = np.zeros((2, 2, *shape))
    for r in range(readers):
        won1 = wins(x1[r : r + 1], y1[r : r + 1])[0]
        won2 = won1 if second is first else wins(x2[r : r + 1], y2[r : r + 1])[0]
        won[r] = won1.sum()
        a, b, c, d = (part[r] for part in seen)
        if shifts != (0.0, 0.0):
            won1, won2 = won1 - shifts[0] * np.outer(a, b), won2 - shifts[1] * np.outer(c, d)
        totals[0, 0] += won1
        totals[0, 1] += won2
        own[r, 0] = _sums(won1, won2)
        own[r, 1] = _design_sums(a, b, c, d)
    totals[1, 0], totals[1, 1] = seen[0].T @ seen[1], seen[2].T @ seen[3]
    tops = np.concatenate([own[:, 0].sum(axis=0), _sums(totals[0, 0], totals[0, 1])])
    bottoms = np.concatenate([own[:, 1].sum(axis=0), _sums(totals[1, 0], totals[1, 1])])
    pairs1, pairs2 = seen[0].sum(axis=1) * seen[1].sum(axis=1), totals[1, 1].sum()
    means = totals[0, 0].sum() / max(pairs1.sum(), 1), totals[0, 1].sum() / max(pairs2, 1)
    total = _moments(float(means[0]) + shifts[0], float(means[1]) + shifts[1], tops, bottoms)
    return Pair(total, ratio(won, pairs1), np.array([_one_reader(*sums) for sums in own]))


def _sums(one: FloatArray, two: FloatArray) -> FloatArray:
    """``[4]``: both cases the same; positive the same; negative the same; any."""
    return np.array(
        [
            np.vdot(one, two),
            np.vdot(one.sum(axis=0), two.sum(axis=0)),
            np.vdot(one.sum(axis=1), two.sum(axis=1)),
            one.sum() * two.sum(),
        ]
    )


def _design_sums(x1: FloatArray, y1: FloatArray, x2: FloatArray, y2: FloatArray) -> FloatArray:
    """The same of products of indicators, without building the matrices."""
    n1, p1, n2, p2 = x1.sum(), y1.sum(), x2.sum(), y2.sum()
    both_n, both_p = x1 @ x2, y1 @ y2
    return np.array([both_n * both_p, n1 * n2 * both_p, p1 * p2 * both_n, n1 * p1 * n2 * p2])


def _moments(first: float, second: float, tops: FloatArray, bottoms: FloatArray) -> Moments:
    top, bottom = _TO_DIFFERENT @ tops, _TO_DIFFERENT @ bottoms
    # Differences of large counts: what should be no pair at all comes out as exactly 0, being sums of whole numbers.
    unbiased = np.divide(top, bottom, out=np.full(8, np.nan), where=bottom > 0)
    biased = np.divide(tops, bottoms, out=np.full(8, np.nan), where=bottoms > 0)
    coefficients = bottom / bottoms[-1] if bottoms[-1] > 0 else np.zeros(8)
    coefficients[-1] -= 1
    return Moments(first, second, unbiased, biased, coefficients)


def _one_reader(tops: FloatArray, bottoms: FloatArray) -> float:
    """Unbiased covariance of one reader's two AUCs; NaN where too few cases were read."""
    step = _TO_DIFFERENT[3, :4]
    pairs = float(step @ bottoms)
    if bottoms[3] == 0 or pairs <= 0:
        return float("nan")
    return float(tops[3] / bottoms[3] - step @ tops / pairs)
