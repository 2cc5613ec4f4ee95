"""One number of an evaluation, with everything a reader needs to judge it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from usnet.statistics.clustered_rates import clustered_proportion
from usnet.statistics.intervals import Interval, proportion_interval

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


INDEPENDENT = "wilson, taken as independent"
"""Method of the interval that stands last where cases are clustered: too narrow, there to be compared with papers."""


def from_events(name: str, subject: str, event: npt.ArrayLike, groups: npt.ArrayLike, **more: Any) -> Metric:
    """The share of ``event [N]`` (0 and 1) among N cases or nodules of ``groups [N]``, ``None`` where N is 0.

    First stands Wilson's interval on the effective number of cases (:func:`clustered_proportion`; plain where no group has two),
    then those of ``intervals``, and last, where cases are clustered, Wilson's as if they were not.
    """
    x, codes = np.asarray(event, dtype=np.float64), np.asarray(groups)
    top, bottom = float(x.sum()), float(x.size)
    own = clustered_proportion(x, codes)
    plain = None
    if own is not None and np.unique(codes).size < x.size:
        wilson = proportion_interval(top, bottom)
        plain = None if wilson is None else Interval(wilson.low, wilson.high, INDEPENDENT, wilson.level)
    intervals = known(own, *more.pop("intervals", ()), plain)
    value = top / bottom if bottom else None
    return Metric(name, subject, value, numerator=top, denominator=bottom, intervals=intervals, **more)


def expanded(
    hits: npt.NDArray[np.float64], totals: npt.NDArray[Any], groups: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """From ``hits`` of ``totals`` nodules on each image to one 0 or 1 a nodule, and the group of each."""
    count = totals.astype(np.intp)
    first = np.repeat(np.cumsum(count) - count, count)
    event = (np.arange(int(count.sum())) - first) < np.repeat(hits, count)
    return event.astype(np.float64), np.repeat(groups, count)


def text(metric: Metric | None, digits: int = 1, percent: bool = True) -> str:
    """``84.4 (80.1-88.0)`` in per cent, ``0.937 (0.91-0.96)`` otherwise, or a dash where it cannot be estimated."""
    if metric is None or metric.value is None:
        return "–"
    scale, places = (100, digits) if percent else (1, digits)
    result = f"{scale * metric.value:.{places}f}"
    if metric.interval is not None:
        result += f" ({scale * metric.interval.low:.{places}f}–{scale * metric.interval.high:.{places}f})"
    return result
