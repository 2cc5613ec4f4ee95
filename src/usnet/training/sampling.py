"""Which images an epoch shows, in which order: balanced by class and patient, the same on any number of processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def sampling_weights(
    labels: Sequence[str], groups: Sequence[str], balance: float, group_balance: float
) -> npt.NDArray[np.float64]:
    """``[N]`` probabilities: each image weighs ``class size ^ -balance * group size ^ -group_balance``, summing to 1."""
    by_label, by_group = Counter(labels), Counter(groups)
    weights = np.array(
        [by_label[a] ** -balance * by_group[g] ** -group_balance for a, g in zip(labels, groups, strict=True)]
    )
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def epoch_order(weights: npt.NDArray[np.float64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """``[N]`` image indices of one epoch by systematic resampling: an image comes ``N * weight`` times, rounded up or down.

    Depends on ``seed`` and ``epoch`` alone, so a resumed run and a straight one see the same images.
    """
    rng = np.random.default_rng([seed, epoch])
    shuffled = rng.permutation(len(weights))
    ticks = (rng.random() + np.arange(len(weights))) / len(weights)
    edges = np.cumsum(weights[shuffled])
    picked = np.searchsorted(edges / edges[-1], ticks, side="right").clip(max=len(weights) - 1)
    order: npt.NDArray[np.int64] = rng.permutation(shuffled[picked])
    return order


def batches(order: npt.NDArray[np.int64], size: int, rank: int, world: int) -> list[list[tuple[int, int]]]:
    """Batches of one process as ``(position, index)``: ``size`` images a step over all processes, ``rank`` takes its share.

    ``position`` is the place in the epoch's order; augmentation is seeded by it, whatever process draws it. The last,
    incomplete step is dropped unless it is the only one.
    """
    steps = max(1, len(order) // size)
    result = []
    for step in range(steps):
        whole = [(p, int(order[p])) for p in range(step * size, min((step + 1) * size, len(order)))]
        result.append(whole[rank::world])
    return result
