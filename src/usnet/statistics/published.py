"""Does a printed figure fit the others? Arithmetic on published rates, means and p values.

A rate of ``k`` of ``n`` cases cannot take every value; rates of one table imply a prevalence; a standard deviation cannot be far
below the range. Figures here are as printed, rates in per cent, as :class:`decimal.Decimal` so that the decimals count: a printed
88.0 lies within 87.95 and 88.05. A figure that was cut off instead of rounded can lie a whole last digit away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Literal

import numpy as np

from usnet.statistics.rank_sum import reachable_exact, reachable_normal

Printed = Decimal | int


def half_unit(value: Printed) -> float:
    """Half of the last printed digit: 0.005 for 87.73."""
    return 0.5 * float(unit(value))


def unit(value: Printed) -> Decimal:
    """The last printed digit: 0.01 for 87.73, 1 for 91."""
    exponent = Decimal(value).as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)


def is_count(value: Printed, n: int) -> int | None:
    """The ``k`` with ``100 k / n`` equal to the printed per cent after rounding (nearest to it), or ``None``."""
    k = round(float(value) / 100 * n)
    return k if 0 <= k <= n and abs(100 * k / n - float(value)) <= half_unit(value) + 1e-9 else None


def possible_sizes(value: Printed, limit: int = 5000) -> Iterator[tuple[int, int]]:
    """All ``(k, n)``, rising in n up to ``limit``, whose rate prints as ``value`` per cent."""
    for n in range(1, limit + 1):
        k = is_count(value, n)
        if k is not None:
            yield k, n


@dataclass(frozen=True, slots=True)
class Range:
    """A value and what the rounding of its inputs leaves open."""

    value: float
    low: float
    high: float


def implied_prevalence(accuracy: Printed, recall: Printed, specificity: Printed) -> Range | None:
    """Share of positive cases from ``accuracy = share * recall + (1 - share) * specificity``; ``None`` where recall and
    specificity print alike, so that any share fits."""
    return _over_rounding(lambda a, r, s: (a - s) / (r - s), accuracy, recall, specificity)


def implied_prevalence_from_precision(precision: Printed, recall: Printed, specificity: Printed) -> Range | None:
    """Share of positive cases from ``precision = share * recall / (share * recall + (1 - share)(1 - specificity))``."""

    def share(p: float, r: float, s: float) -> float:
        false = p * (100 - s)
        return false / (r * (100 - p) + false)

    return _over_rounding(share, precision, recall, specificity)


def f1_of(precision: Printed, recall: Printed) -> Range | None:
    """F1 in per cent from precision and recall."""
    return _over_rounding(lambda p, r: 2 * p * r / (p + r), precision, recall)


def _over_rounding(function: Callable[..., float], *figures: Printed) -> Range | None:
    """Value of ``function`` and its extremes over the corners of the rounding box (it is monotone in each figure)."""
    corners = product(*[(float(f) - half_unit(f), float(f) + half_unit(f)) for f in figures])
    try:
        values = [float(function(*corner)) for corner in corners]
        return Range(float(function(*map(float, figures))), min(values), max(values))
    except ZeroDivisionError:
        return None


@dataclass(frozen=True, slots=True)
class ErrorSums:
    """In a table of all classes every false negative of one class is a false positive of another, so the sums are equal.

    In per cent of all cases; ``slack`` is how far rounding alone lets them differ.
    """

    false_negatives: float
    false_positives: float
    slack: float

    @property
    def agree(self) -> bool:
        """Whether rounding explains the difference."""
        return abs(self.false_negatives - self.false_positives) <= self.slack


def error_sums(recall: dict[str, Printed], specificity: dict[str, Printed], weights: dict[str, float]) -> ErrorSums:
    """Sums over classes of false negatives and false positives when classes have these ``weights`` (numbers of cases or alike)."""
    total = sum(weights.values())
    share = {name: weight / total for name, weight in weights.items()}
    fn = sum(share[c] * (100 - float(recall[c])) for c in share)
    fp = sum((1 - share[c]) * (100 - float(specificity[c])) for c in share)
    slack = sum(share[c] * half_unit(recall[c]) + (1 - share[c]) * half_unit(specificity[c]) for c in share)
    return ErrorSums(fn, fp, slack + 1e-9)


@dataclass(frozen=True, slots=True)
class Spread:
    """What a printed ``+-`` can be. ``least_sd`` and ``most_sd`` bound the standard deviation of n values with this range.

    ``sd_if_se`` is the standard deviation it stands for if it is the standard error.
    """

    least_sd: float
    most_sd: float
    sd_if_se: float
    verdict: Literal["SD", "SE", "either", "neither"]


def spread(plus_minus: Printed, n: int, low: float, high: float) -> Spread:
    """Bounds: ``range / sqrt(2 n) <= SD`` (two extremes, the rest at their middle) and ``SD <= range / 2 * sqrt(n / (n - 1))``.

    Raises
    ------
    ValueError
        Fewer than two values, or ``high < low``.
    """
    if n < 2 or high < low:
        raise ValueError(f"{n} values between {low} and {high} have no standard deviation")
    value, slack = float(plus_minus), half_unit(plus_minus)
    least, most = (high - low) / math.sqrt(2 * n), (high - low) / 2 * math.sqrt(n / (n - 1))
    as_se = value * math.sqrt(n)

    def fits(sd: float, error: float) -> bool:
        return least - error <= sd <= most + error

    sd, se = fits(value, slack), fits(as_se, slack * math.sqrt(n))
    verdict: Literal["SD", "SE", "either", "neither"] = (
        "either" if sd and se else "SD" if sd else "SE" if se else "neither"
    )
    return Spread(least, most, as_se, verdict)


@dataclass(frozen=True, slots=True)
class ReachableP:
    """Whether Mann-Whitney's two-sided test of ``m`` and ``n`` values can print ``p``.

    ``reachable``: some order without ties gives it, by the exact test or the normal approximation (with or without continuity
    correction). ``with_ties``: ties might. ``exact`` and ``normal`` are the p values without ties nearest to it,
    ``least_exact`` and ``least_normal`` the smallest possible.
    """

    reachable: bool
    with_ties: bool
    exact: float
    normal: float
    least_exact: float
    least_normal: float


def mann_whitney_p(p: Printed, m: int, n: int) -> ReachableP:
    """Compare a printed p with all that the sizes allow.

    Raises
    ------
    ValueError
        A group is empty or p is outside [0, 1].
    """
    if min(m, n) < 1 or not 0 <= p <= 1:
        raise ValueError(f"no Mann-Whitney test of {m} and {n} values gives p = {p}")
    value, slack = float(p), half_unit(p) + 1e-9
    exact = reachable_exact(m, n)
    normal = np.concatenate([reachable_normal(m, n), reachable_normal(m, n, correction=True)])
    by_exact, by_normal = (float(v[np.argmin(np.abs(v - value))]) for v in (exact, normal))
    reachable = min(abs(by_exact - value), abs(by_normal - value)) <= slack
    ties = reachable or _with_ties(value, slack, m, n)
    return ReachableP(reachable, ties, by_exact, by_normal, float(exact.min()), float(normal.min()))


def _with_ties(value: float, slack: float, m: int, n: int) -> bool:
    """Whether some ties might print the value: an exact p is twice a whole number of ``1 / C(m + n, m)``; the normal one has U in
    half steps and a variance that ties only lower, so that nothing lies between its value at the first half step and 1."""
    from scipy.special import ndtr

    ways = math.comb(m + n, m)
    whole = round(value * ways / 2)
    if whole >= 1 and abs(2 * whole / ways - value) <= slack:
        return True
    nearest_to_one = 2 * float(ndtr(-0.5 / math.sqrt(m * n * (m + n + 1) / 12)))
    return value - slack <= nearest_to_one or value + slack >= 1


def kappa_from_accuracy(accuracy: Printed) -> float:
    """``2 * accuracy - 1``: what kappa against the truth is worth where half of the cases are positive. In [-1, 1]."""
    return 2 * float(accuracy) / 100 - 1


def binormal_auc(sensitivity: Printed, specificity: Printed) -> float:
    """AUC of two normal distributions of equal variance whose curve passes through this point (per cent)."""
    from scipy.special import ndtr, ndtri

    return float(ndtr((ndtri(float(sensitivity) / 100) + ndtri(float(specificity) / 100)) / math.sqrt(2)))
