"""Bland and Altman's plot: difference against mean, with bias, limits of agreement and their intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from usnet.statistics.agreement import LimitsOfAgreement
from usnet.statistics.arrays import FloatArray
from usnet.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pairs = dict[tuple[str, str], tuple[FloatArray, FloatArray]]
BIAS, LIMIT, POINT = "#1B2A33", "#D55E00", "#0072B2"


def limits_figure(pairs: Pairs, found: dict[tuple[str, str], LimitsOfAgreement], what: str) -> Callable[[], Figure]:
    """A panel a pair of readers, all on the same axes, so that they can be compared by eye."""

    def draw() -> Figure:
        from matplotlib.figure import Figure as Canvas

        figure = Canvas(figsize=(6.4, 0.4 + 3.4 * len(pairs)), layout="constrained")
        panels = figure.subplots(len(pairs), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
        for axes, (names, (x, y)) in zip(panels, pairs.items(), strict=True):
            _panel(axes, names, x, y, found[names])
        panels[-1].set_xlabel(f"mean {what} of both readers")
        return figure

    return draw


def _panel(axes: Axes, names: tuple[str, str], x: FloatArray, y: FloatArray, one: LimitsOfAgreement) -> None:
    axes.axhline(0, color="#9AA3A8", linewidth=0.8, linestyle=":")
    lines = (
        ("upper limit", one.high, one.high_interval, "bottom"),
        ("bias", one.bias, one.bias_interval, "center"),
        ("lower limit", one.low, one.low_interval, "top"),
    )
    for name, value, interval, place in lines:
        _line(axes, name, value, interval, place)
    axes.plot((x + y) / 2, x - y, "o", color=POINT, markersize=4.5, alpha=0.75, markeredgecolor="none")
    axes.set_title(f"{names[0]} - {names[1]}, {one.n} cases", loc="left", fontsize=11)
    axes.set_ylabel(f"difference, {names[0]} - {names[1]}")
    axes.margins(x=0.04, y=0.1)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _line(axes: Axes, name: str, value: float, interval: Interval, place: str) -> None:
    """A level with its interval as a band, and its name and value at the right margin."""
    colour, dash = (BIAS, "-") if name == "bias" else (LIMIT, "--")
    axes.axhspan(interval.low, interval.high, color=colour, alpha=0.1, linewidth=0)
    axes.axhline(value, color=colour, linestyle=dash, linewidth=1.3)
    axes.annotate(
        f"{name} {value:.2f}",
        xy=(1, value),
        xycoords=("axes fraction", "data"),
        xytext=(5, 0),
        textcoords="offset points",
        va=place,
        fontsize=8.5,
        color=colour,
        annotation_clip=False,
    )
