"""Cluster bootstrap: whole groups are drawn with replacement, so that images of one patient stay together.

A draw is a vector of weights (how often each case's group was drawn), which lets a statistic work on many draws at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray, ratio
from usnet.statistics.clustered import cluster_codes
from usnet.statistics.intervals import Interval

Statistic = Callable[[FloatArray], FloatArray]
"""From weights ``[B, N]`` to values ``[B]`` or ``[B, K]``, NaN where undefined."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Percentile limits of ``K`` statistics. ``draws`` is ``[B, K]``; ``undefined`` counts the draws without a value."""

    low: FloatArray
    high: FloatArray
    draws: FloatArray
    undefined: npt.NDArray[np.int64]
    clusters: int
    level: float

    def interval(self, index: int = 0) -> Interval | None:
        """Limits of one statistic; ``None`` where more than a tenth of the draws had no value, or where all draws agree (a
        perfect rate stays perfect in every draw, which bounds nothing)."""
        count = self.draws.shape[0]
        if count == 0 or self.problem(index):
            return None
        method = f"cluster bootstrap, percentile, {count} draws of {self.clusters} clusters"
        return Interval(float(self.low[index]), float(self.high[index]), method, self.level)

    def p_value(self, index: int = 0) -> float | None:
        """Two-sided p that the statistic (a difference) is 0: twice the smaller share of draws on either side of 0, the observed
        data counted as one draw more, so never below ``2 / (draws + 1)``. It goes with the percentile interval. ``None`` where
        that has a :meth:`problem`."""
        if self.draws.shape[0] == 0 or self.problem(index):
            return None
        known = self.draws[~np.isnan(self.draws[:, index]), index]
        tail = min((known <= 0).sum(), (known >= 0).sum()) + 1
        return float(min(1.0, 2 * tail / (known.size + 1)))

    def problem(self, index: int = 0) -> str | None:
        """Why there is no interval of one statistic although there were draws."""
        count = self.draws.shape[0]
        if count == 0:
            return None
        if self.undefined[index] > count / 10:
            return f"no interval: {self.undefined[index]} of {count} bootstrap draws have no value"
        if self.low[index] == self.high[index]:
            return "no bootstrap interval: every draw gives the same value, which bounds nothing"
        return None


class Resampler:
    """Draws made once for a set of cases and shared by all statistics on them, so that comparisons are paired.

    Parameters
    ----------
    groups
        ``[N]`` cluster of each case.
    draws
        Number of resamples; 0 gives no intervals.
    seed
        Of numpy's PCG64.
    chunk
        Draws handed to a statistic at a time (memory: ``chunk x N`` doubles).
    """

    def __init__(self, groups: npt.ArrayLike, draws: int = 2000, seed: int = 0, chunk: int = 64) -> None:
        self.codes, self.clusters = cluster_codes(groups)
        self.chunk = chunk
        picked = np.random.default_rng(seed).integers(max(self.clusters, 1), size=(draws, self.clusters))
        offset = np.arange(draws)[:, None] * self.clusters
        counts = np.bincount((picked + offset).ravel(), minlength=draws * self.clusters)
        self.counts: npt.NDArray[np.int32] = counts.reshape(draws, self.clusters).astype(np.int32)

    def weights(self) -> Iterator[FloatArray]:
        """Chunks ``[b, N]`` of weights, always in the same order."""
        for start in range(0, self.counts.shape[0], self.chunk):
            yield self.counts[start : start + self.chunk][:, self.codes].astype(np.float64)

    def draw(self, statistic: Statistic) -> FloatArray:
        """Values of ``statistic`` over all draws: ``[draws, K]``."""
        rows = [np.asarray(statistic(w), dtype=np.float64).reshape(w.shape[0], -1) for w in self.weights()]
        return np.concatenate(rows) if rows else np.zeros((0, 1))

    def summarise(self, draws: FloatArray, level: float = 0.95) -> Bootstrap:
        """Percentile limits of drawn values ``[draws, K]``."""
        undefined = np.isnan(draws).sum(axis=0)
        tail = (1 - level) / 2
        limits = np.full((2, draws.shape[1]), np.nan)
        for column in range(draws.shape[1]):
            known = draws[~np.isnan(draws[:, column]), column]
            if known.size:
                limits[:, column] = np.quantile(known, [tail, 1 - tail])
        return Bootstrap(limits[0], limits[1], draws, undefined, self.clusters, level)

    def run(self, statistic: Statistic, level: float = 0.95) -> Bootstrap:
        """Values of ``statistic`` over all draws and their percentile limits."""
        return self.summarise(self.draw(statistic), level)


def cluster_bootstrap(
    statistic: Statistic, groups: npt.ArrayLike, n: int = 2000, seed: int = 0, level: float = 0.95
) -> Bootstrap:
    """Percentile limits of ``statistic`` under ``n`` seeded draws of whole groups."""
    return Resampler(groups, n, seed).run(statistic, level)


def weighted_mean(values: npt.ArrayLike) -> Statistic:
    """Statistic: the weighted mean of ``values [N]`` (a rate where they are 0 and 1; NaN entries take no part)."""
    data = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(data)
    filled = np.where(known, data, 0.0)

    def statistic(weights: FloatArray) -> FloatArray:
        return ratio(weights @ filled, weights @ known.astype(np.float64))

    return statistic
