"""Curves and bars as plain data for the templates, which draw them as SVG in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 26
DASHES = ("", "7 4", "2 3", "9 3 2 3")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its points as an SVG path's ``points``, its last value, and a dash pattern, so that colour is not alone."""

    name: str
    points: str
    last: float
    dash: str
    number: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over epochs, with ticks ``(position, text)`` of both axes."""

    title: str
    lines: tuple[Line, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]


def chart(title: str, series: dict[str, Sequence[tuple[float, float]]]) -> Chart | None:
    """Curves of finite values; ``None`` where there is none."""
    clean = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in series.items()}
    clean = {name: points for name, points in clean.items() if points}
    if not clean:
        return None
    xs = [x for points in clean.values() for x, _ in points]
    ys = [y for points in clean.values() for _, y in points]
    x0, x1 = min(xs), max(max(xs), min(xs) + 1)
    low, high = min(0.0, *ys), max(ys)
    high = high if high > low else low + 1

    def across(x: float) -> float:
        return round(LEFT + (x - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT), 1)

    def up(y: float) -> float:
        return round(HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    lines = tuple(
        Line(name, " ".join(f"{across(x)},{up(y)}" for x, y in points), points[-1][1], DASHES[i % 4], i % 4)
        for i, (name, points) in enumerate(clean.items())
    )
    return Chart(
        title,
        lines,
        tuple((across(x), f"{x:g}") for x in _ticks(x0, x1)),
        tuple((up(y), f"{y:g}") for y in _ticks(low, high)),
    )


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers within a range."""
    raw = (high - low) / about
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]
