"""ROC curves as a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.roc import auc, roc_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""After Okabe and Ito 2008; lines differ in dash too."""
DASHES = ("-", "--", "-.", ":")


def curves(labels: BoolArray, values: dict[str, FloatArray]) -> Callable[[], Figure]:
    """Empirical ROC curves of several scores of the same cases."""
    return lambda: _draw([(name, labels, value) for name, value in values.items()])


def group_curves(labels: BoolArray, x: FloatArray, here: BoolArray, names: tuple[str, str]) -> Callable[[], Figure]:
    """Curves of one score in two groups: cases ``here [N]`` and the others."""
    return lambda: _draw([(names[0], labels[here], x[here]), (names[1], labels[~here], x[~here])])


def one_against_rest(labels: np.ndarray, scores: FloatArray, names: Sequence[str]) -> Callable[[], Figure]:
    """Curves of each class against the rest by its own column of ``scores [N, K]``."""
    return lambda: _draw([(f"{n} v rest", labels == n, scores[:, i]) for i, n in enumerate(names)])


def _draw(series: list[tuple[str, BoolArray, FloatArray]]) -> Figure:
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(5.2, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#9AA3A8", linewidth=0.8, linestyle=":")
    for number, (name, labels, values) in enumerate(series):
        curve, area = roc_curve(labels, values), auc(labels, values)
        label = f"{name}: AUC {area.value:.3f}" if area.value is not None else name
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        axes.plot(1 - curve.specificity, curve.sensitivity, label=label, color=colour, linestyle=dash)
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", frameon=False)
    return figure
