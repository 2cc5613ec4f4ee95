"""What the coverage simulations share: one interval with the truth it should hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from usnet.statistics.arrays import FloatArray
from usnet.statistics.bootstrap import Bootstrap, Resampler, Statistic
from usnet.statistics.intervals import Interval

DRAWS = 500
"""Bootstrap draws of each interval: half of what ``usnet evaluate`` takes, for time."""


class Trial(NamedTuple):
    """One interval in one simulated sample: which, in which situation, the true value, the estimate, the limits (``None``: the
    method gave none)."""

    situation: str
    interval: str
    truth: float
    estimate: float | None
    limits: Interval | None


Scenario = Callable[[np.random.Generator, int], Iterator[Trial]]
"""From a generator and the size of the sample to the intervals of one sample."""


def bootstrap(statistic: Statistic, groups: FloatArray | np.ndarray, rng: np.random.Generator) -> Bootstrap:
    """Cluster bootstrap with a seed from ``rng``; the size of the chunks changes the time only."""
    return Resampler(groups, DRAWS, seed=int(rng.integers(2**31)), chunk=2**15 // groups.size).run(statistic)
