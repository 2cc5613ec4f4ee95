"""Rates from counts. A rate never travels without its counts, and an undefined rate is ``None``, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from usnet.statistics.intervals import Interval, Method, proportion_interval

RATE_NAMES = ("accuracy", "precision", "recall", "f1", "sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True, slots=True)
class Rate:
    """``value = numerator / denominator`` with confidence limits; ``None`` where the denominator is 0.

    ``method`` names the interval; the limits are ``None`` where no interval is valid for this rate (F1).
    """

    value: float | None
    numerator: float
    denominator: float
    low: float | None
    high: float | None
    method: str | None
    level: float = 0.95

    @property
    def interval(self) -> Interval | None:
        """The limits as one value."""
        if self.low is None or self.high is None or self.method is None:
            return None
        return Interval(self.low, self.high, self.method, self.level)


def rate(k: float, n: float, method: Method | None = "wilson", level: float = 0.95) -> Rate:
    """``k`` of ``n`` with an interval (``method=None``: without one)."""
    limits = proportion_interval(k, n, method, level) if method else None
    value = k / n if n > 0 else None
    if limits is None:
        return Rate(value, k, n, None, None, None, level)
    return Rate(value, k, n, limits.low, limits.high, limits.method, level)


def fraction(name: str, tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Numerator and denominator of a rate in :data:`RATE_NAMES` (equations 2 to 5 of Li et al. 2020), of numbers or arrays.

    F1 is written as ``2 TP / (2 TP + FP + FN)``, which equals the harmonic mean of precision and recall and stays defined
    where only one of the two is.
    """
    return {
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, fp + tn),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
    }[name]


@dataclass(frozen=True, slots=True)
class Counts:
    """A 2 x 2 table: true and false positives and negatives (fractions where the table was reweighted)."""

    tp: float
    fp: float
    fn: float
    tn: float

    def __post_init__(self) -> None:
        if min(self.tp, self.fp, self.fn, self.tn) < 0:
            raise ValueError(f"negative count in {self}")

    @property
    def positives(self) -> float:
        """Cases that have the condition."""
        return self.tp + self.fn

    @property
    def negatives(self) -> float:
        """Cases that have not."""
        return self.fp + self.tn

    @property
    def total(self) -> float:
        """All cases."""
        return self.positives + self.negatives

    @property
    def prevalence(self) -> float | None:
        """Share of cases with the condition."""
        return self.positives / self.total if self.total else None

    def fraction(self, name: str) -> tuple[float, float]:
        """Numerator and denominator of a rate in :data:`RATE_NAMES`."""
        return fraction(name, self.tp, self.fp, self.fn, self.tn)

    def rate(self, name: str, method: Method | None = "wilson", level: float = 0.95) -> Rate:
        """One rate with its interval; F1 gets none, because it is no proportion of independent trials."""
        return rate(*self.fraction(name), None if name == "f1" else method, level)

    def rates(self, method: Method | None = "wilson", level: float = 0.95) -> dict[str, Rate]:
        """All of :data:`RATE_NAMES`."""
        return {name: self.rate(name, method, level) for name in RATE_NAMES}
