"""Reliability and decision curve as figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from usnet.statistics.calibration import ReliabilityBin
from usnet.statistics.decision_curve import DecisionCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def reliability_figure(points: Sequence[ReliabilityBin], name: str) -> Callable[[], Figure]:
    """Observed share against predicted probability; a dot is as large as its bin has cases."""

    def draw() -> Figure:
        figure, axes = _new("Predicted probability", "Observed share")
        axes.plot([0, 1], [0, 1], color="#9AA3A8", linewidth=0.8, linestyle=":", label="perfect")
        total = sum(b.observed.denominator for b in points)
        x, y, low, high = (np.array(v, dtype=np.float64) for v in zip(*map(_numbers, points), strict=True))
        axes.vlines(x, low, high, color="#0072B2", linewidth=0.9)
        axes.plot(x, y, color="#0072B2", linewidth=1)
        axes.scatter(
            x, y, s=[10 + 220 * b.observed.denominator / total for b in points], color="#0072B2", label=name, zorder=3
        )
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.legend(loc="upper left", frameon=False, markerscale=0.6)
        return figure

    return draw


def decision_figure(curve: DecisionCurve, name: str) -> Callable[[], Figure]:
    """Net benefit against the threshold probability; acting on none is 0."""

    def draw() -> Figure:
        figure, axes = _new("Threshold probability", f"Net benefit (prevalence {curve.prevalence:.2g})")
        axes.plot(curve.thresholds, curve.model, color="#0072B2", linewidth=1.7, label=name)
        axes.plot(curve.thresholds, curve.everyone, color="#D55E00", linestyle="--", label="act on all")
        axes.axhline(0, color="#4D4D4D", linestyle="-.", linewidth=1, label="act on none")
        top = float(np.nanmax(np.concatenate([curve.model, curve.everyone, [0.01]])))
        axes.set(xlim=(0, 1), ylim=(-0.3 * top, 1.1 * top))
        axes.legend(loc="upper right", frameon=False)
        return figure

    return draw


def _numbers(b: ReliabilityBin) -> tuple[float | None, ...]:
    return b.predicted, b.observed.value, b.observed.low, b.observed.high


def _new(x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(5.2, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    axes.grid(color="#E3E6E8", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes
