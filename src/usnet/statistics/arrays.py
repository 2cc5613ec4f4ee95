"""Small array helpers that the statistics share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """Elementwise quotient, NaN (undefined, not 0) where the denominator is not positive."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    result = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def tie_ends(sorted_scores: FloatArray) -> IntArray:
    """Index of the last member of each group of equal scores; empty for an empty array."""
    if not sorted_scores.size:
        return np.zeros(0, np.intp)
    return np.flatnonzero(np.append(sorted_scores[1:] != sorted_scores[:-1], True))


def mean_of_known(values: list[FloatArray]) -> FloatArray:
    """Elementwise mean over those arrays that have a number there, NaN where none has."""
    stacked = np.stack(values)
    return ratio(np.nansum(stacked, axis=0), (~np.isnan(stacked)).sum(axis=0))
