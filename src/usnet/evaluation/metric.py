"""One number of an evaluation, with everything a reader needs to judge it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from usnet.statistics.intervals import Interval
from usnet.statistics.rates import Rate

Unit = Literal["image", "nodule", "patient", "bin"]
"""What is counted. ``nodule`` is one nodule on one image."""
Averaging = Literal["raw", "balanced"]
"""``raw`` counts cases as they are; ``balanced`` gives every class the same weight, which the paper's printed table fits."""


@dataclass(frozen=True, slots=True)
class Metric:
    """``name`` of ``subject`` (for example sensitivity of ``malignant v rest``).

    ``value`` is ``None`` where it cannot be estimated, and ``note`` then says why. ``numerator`` and ``denominator`` belong to
    rates; ``positives`` and ``negatives`` are counted in ``unit``, before balancing; ``prevalence`` is the share of positives as
    weighted. ``intervals`` holds one or more intervals, the first to be printed. ``subgroup`` is ``all`` or ``key=value``.
    """

    name: str
    subject: str
    value: float | None
    unit: Unit = "image"
    averaging: Averaging = "raw"
    numerator: float | None = None
    denominator: float | None = None
    positives: int | None = None
    negatives: int | None = None
    prevalence: float | None = None
    threshold: str | None = None
    intervals: tuple[Interval, ...] = ()
    subgroup: str = "all"
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @property
    def interval(self) -> Interval | None:
        """The interval to print."""
        return self.intervals[0] if self.intervals else None


def known(*intervals: Interval | None) -> tuple[Interval, ...]:
    """Those that exist and are finite."""
    return tuple(i for i in intervals if i is not None and math.isfinite(i.low) and math.isfinite(i.high))


def from_rate(name: str, subject: str, rate: Rate, **more: Any) -> Metric:
    """A rate with its counts; further intervals given as ``intervals`` follow the rate's own."""
    intervals = known(rate.interval, *more.pop("intervals", ()))
    return Metric(
        name, subject, rate.value, numerator=rate.numerator, denominator=rate.denominator, intervals=intervals, **more
    )


def text(metric: Metric | None, digits: int = 1, percent: bool = True) -> str:
    """``84.4 (80.1-88.0)`` in per cent, ``0.937 (0.91-0.96)`` otherwise, or a dash where it cannot be estimated."""
    if metric is None or metric.value is None:
        return "–"
    scale, places = (100, digits) if percent else (1, digits)
    result = f"{scale * metric.value:.{places}f}"
    if metric.interval is not None:
        result += f" ({scale * metric.interval.low:.{places}f}–{scale * metric.interval.high:.{places}f})"
    return result
