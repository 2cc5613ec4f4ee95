"""Interval of the expected calibration error, which is biased: even right probabilities show gaps in a sample.

A percentile bootstrap of the error is worse than none, as its draws are biased once more: on right probabilities it never holds
0. See the table of coverage in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from usnet.statistics.intervals import Interval

STEPS = 40


def calibration_error_interval(gaps: npt.ArrayLike, draws: npt.ArrayLike, level: float = 0.95) -> Interval | None:
    """Limits from the observed gaps ``[K]`` and those of bootstrap draws ``[B, K]``, both of
    :func:`~usnet.statistics.calibration.calibration_gaps`.

    The true gaps are taken to be ``s`` times the observed ones for some ``s >= 0``, with the draws' deviations as noise. ``s`` is
    too small where ``sum_k |s gap_k + noise_k|`` reaches the observed error in fewer than ``(1 - level) / 2`` of the draws, and
    too large where it stays below in as few. The limits are the observed error times the least and the greatest ``s`` left. They
    contain 0 where right probabilities would do as badly by chance, and always the estimate; draws of whole clusters make them
    hold for clusters. A test inversion (Carpenter, J R Stat Soc B 1999; 61:159) along one line: its coverage was simulated, not
    proved.

    ``None`` without draws, with a value undefined in more than a tenth of them, or where there is no gap.

    Raises
    ------
    ValueError
        The numbers of bins differ.
    """
    observed, drawn = np.asarray(gaps, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    if not drawn.size:
        return None
    if observed.ndim != 1 or drawn.ndim != 2 or drawn.shape[1] != observed.size:
        raise ValueError(f"gaps of shape {observed.shape} and draws of shape {drawn.shape} have different bins")
    known = ~np.isnan(drawn).any(axis=1)
    error = float(np.abs(observed).sum())
    if known.sum() < max(0.9 * known.size, 1) or not error > 1e-12:
        return None
    noise, tail = drawn[known] - observed, (1 - level) / 2

    def reach(scale: float) -> float:
        return float((np.abs(scale * observed + noise).sum(axis=1) >= error).mean())

    low = _where(reach, tail)
    high = max(_where(reach, 1 - tail), 1.0)
    text = f"bootstrap, test inversion, {known.size} draws"
    return Interval(min(low, 1.0) * error, min(high * error, 1.0), text, level)


def _where(rising: Callable[[float], float], target: float) -> float:
    """Where a rising function of ``s >= 0`` reaches ``target``; 0 where it begins there."""
    low, high = 0.0, 1.0
    if rising(low) >= target:
        return low
    while rising(high) < target and high < 2**20:
        low, high = high, 2 * high
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return high
