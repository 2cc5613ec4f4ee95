"""Differences of two models as a figure: a point and an interval a row, and the line of no difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from usnet.evaluation.differences import Difference, RunComparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIGHER_IS_WORSE = ("Brier score", "wrong boxes an image")
CLEAR, UNCLEAR = "#0072B2", "#7A868E"


def forest(found: RunComparison, names: tuple[str, str]) -> Callable[[], Figure]:
    """Every difference that has an interval, turned so that right is better for the first model."""
    rows = [d for d in found.differences if d.interval is not None]
    return lambda: _draw(rows, names, found.level)


def _draw(rows: list[Difference], names: tuple[str, str], level: float) -> Figure:
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(7.6, 1.5 + 0.27 * max(len(rows), 1)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, color="#4D4D4D", linewidth=0.9)
    for place, row in enumerate(rows):
        value, low, high = _turned(row)
        colour = CLEAR if low > 0 or high < 0 else UNCLEAR
        axes.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        axes.plot(value, place, "o" if colour == CLEAR else "s", color=colour, markersize=5)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    ends = [v for row in rows for v in _turned(row)] or [-0.1, 0.1]
    room = 0.25 * max(abs(v) for v in ends)
    axes.set_xlim(min(-room, 1.08 * min(ends)), max(room, 1.08 * max(ends)))
    axes.set_xlabel(
        f"{names[1]} better   <   difference, {100 * level:g} % interval   >   {names[0]} better", fontsize=9
    )
    axes.grid(axis="x", color="#E3E6E8", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False)
    if not rows:
        axes.text(0, -0.3, "no difference has an interval", ha="center", fontsize=9)
    return figure


def _turned(row: Difference) -> tuple[float, float, float]:
    """Value, low and high, with the sign changed where a higher value is worse."""
    if row.interval is None or row.difference is None:
        raise ValueError(f"{row.measure} has no interval")
    if row.measure in HIGHER_IS_WORSE:
        return -row.difference, -row.interval.high, -row.interval.low
    return row.difference, row.interval.low, row.interval.high


def _label(row: Difference) -> str:
    turned = " (sign turned)" if row.measure in HIGHER_IS_WORSE else ""
    of = f", {row.unit}s" if row.unit == "patient" else ""
    return f"{row.measure}, {row.subject}{of}{turned}"
