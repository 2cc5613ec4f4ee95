"""What of a ROC curve has its interval from the bootstrap: the partial area, and the sensitivity at a fixed specificity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from usnet.reports.statistics import Cell, Grid, interval_text
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.bootstrap import Resampler, Statistic
from usnet.statistics.operating import weighted_sensitivity_at
from usnet.statistics.roc_partial import Axis, weighted_partial_auc


def bootstrap_grid(
    labels: BoolArray,
    values: Mapping[str, FloatArray],
    groups: Sequence[str] | None,
    draws: tuple[int, int],
    *,
    specificity: float,
    limits: tuple[Axis, float, float],
    level: float,
) -> Grid:
    """One row a score and measure; ``draws`` are their number and seed. Each draw reads its threshold off anew."""
    resampler = Resampler(np.arange(labels.size) if groups is None else groups, *draws)
    ones, (axis, low, high) = np.ones((1, labels.size)), limits
    rows: list[tuple[Cell, ...]] = []
    for name, value in values.items():
        measures: dict[str, Statistic] = {
            f"sensitivity at specificity {specificity:g}": partial(weighted_sensitivity_at, labels, value, specificity),
            f"pAUC, {axis} {low:g} to {high:g}": partial(
                weighted_partial_auc, labels, value, low=low, high=high, axis=axis
            ),
        }
        for what, statistic in measures.items():
            boot = resampler.run(statistic, level)
            rows.append((name, what, float(statistic(ones)[0]), interval_text(boot.interval()), boot.problem()))
    of = "cases" if groups is None else "clusters"
    title = f"Percentile bootstrap, {draws[0]} draws of {resampler.clusters} {of}, seed {draws[1]}"
    return Grid(title, ("score", "measure", "value", f"{100 * level:g} % CI", "remark"), tuple(rows))
