"""Single-number summaries of a 2 x 2 table: likelihood ratios, diagnostic odds ratio, Youden's index, Matthews correlation.

Rates of one row or column are in :mod:`usnet.statistics.rates`. All intervals take the cases as independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from usnet.statistics.intervals import Interval, normal_quantile, proportion_interval
from usnet.statistics.rates import Counts


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its interval; both are ``None`` where they cannot be computed, and ``note`` says why."""

    name: str
    value: float | None
    interval: Interval | None
    note: str | None = None


def measures(counts: Counts, level: float = 0.95) -> tuple[Measure, ...]:
    """All measures of this module for one table."""
    return (
        likelihood_ratio_positive(counts, level),
        likelihood_ratio_negative(counts, level),
        diagnostic_odds_ratio(counts, level),
        youden_index(counts, level),
        matthews(counts, level),
    )


def likelihood_ratio_positive(counts: Counts, level: float = 0.95) -> Measure:
    """``sensitivity / (1 - specificity)`` with the log interval of Simel, Samsa and Matchar, J Clin Epidemiol 1991; 44:763."""
    return _ratio("LR+", counts.tp, counts.positives, counts.fp, counts.negatives, level)


def likelihood_ratio_negative(counts: Counts, level: float = 0.95) -> Measure:
    """``(1 - sensitivity) / specificity`` with the log interval of Simel, Samsa and Matchar 1991."""
    return _ratio("LR-", counts.fn, counts.positives, counts.tn, counts.negatives, level)


def _ratio(name: str, a: float, m: float, b: float, n: float, level: float) -> Measure:
    """``(a / m) / (b / n)``, variance of the log ``1/a - 1/m + 1/b - 1/n``."""
    if min(m, n) == 0:
        return Measure(name, None, None, "a class has no cases")
    if b == 0:
        return Measure(name, None, None, "division by zero: a cell of the table is 0")
    if a == 0:
        return Measure(name, 0.0, None, "no interval: a cell of the table is 0")
    return _logarithmic(name, (a / m) / (b / n), 1 / a - 1 / m + 1 / b - 1 / n, "log (Simel 1991)", level)


def diagnostic_odds_ratio(counts: Counts, level: float = 0.95) -> Measure:
    """``TP TN / (FP FN)``, the sample odds ratio, with Woolf's log interval (1955).

    Not the conditional estimate that R's ``fisher.test`` prints.
    """
    cells = (counts.tp, counts.fp, counts.fn, counts.tn)
    if min(cells) == 0:
        return Measure("DOR", None, None, "not estimable: a cell of the table is 0")
    value = counts.tp * counts.tn / (counts.fp * counts.fn)
    return _logarithmic("DOR", value, sum(1 / c for c in cells), "log (Woolf 1955)", level)


def _logarithmic(name: str, value: float, variance: float, method: str, level: float) -> Measure:
    half = normal_quantile(level) * math.sqrt(max(variance, 0.0))
    return Measure(name, value, Interval(value * math.exp(-half), value * math.exp(half), method, level))


def youden_index(counts: Counts, level: float = 0.95) -> Measure:
    """``sensitivity + specificity - 1`` with the square-and-add interval of Newcombe, Stat Med 1998; 17:873 (method 10).

    The interval takes the threshold as given, not as chosen to maximise the index on these data.
    """
    if min(counts.positives, counts.negatives) == 0:
        return Measure("Youden", None, None, "a class has no cases")
    value, low, high = difference_limits(counts.tp, counts.positives, counts.fp, counts.negatives, level)
    return Measure("Youden", value, Interval(low, high, "Newcombe 1998, square-and-add", level))


def difference_limits(
    k1: float, n1: float, k2: float, n2: float, level: float = 0.95, method: Literal["newcombe", "wald"] = "newcombe"
) -> tuple[float, float, float]:
    """``k1/n1 - k2/n2`` of independent groups and its limits by Newcombe's method 10 (both Wilson intervals combined).

    ``wald`` is there to compare with papers: it is too narrow for small groups.

    Raises
    ------
    ValueError
        A group is empty or ``k > n``.
    """
    first, second = proportion_interval(k1, n1, level=level), proportion_interval(k2, n2, level=level)
    if first is None or second is None:
        raise ValueError("a difference of proportions needs cases in both groups")
    p, q = k1 / n1, k2 / n2
    if method == "wald":
        half = normal_quantile(level) * math.sqrt(p * (1 - p) / n1 + q * (1 - q) / n2)
        return p - q, max(p - q - half, -1.0), min(p - q + half, 1.0)
    low = p - q - math.hypot(p - first.low, second.high - q)
    high = p - q + math.hypot(first.high - p, q - second.low)
    return p - q, max(low, -1.0), min(high, 1.0)


def matthews(counts: Counts, level: float = 0.95) -> Measure:
    """Matthews correlation (phi) with the large-sample interval for one random sample of cases.

    Variance: Bishop, Fienberg and Holland, Discrete Multivariate Analysis 1975, section 11.3. Where the numbers of positive and
    negative cases were fixed beforehand, the interval is an approximation.
    """
    n = counts.total
    rows, columns = (counts.positives, counts.negatives), (counts.tp + counts.fp, counts.fn + counts.tn)
    if min(*rows, *columns) == 0:
        return Measure("MCC", None, None, "a row or column of the table is empty")
    product = math.sqrt(rows[0] * rows[1] * columns[0] * columns[1])
    phi = (counts.tp * counts.tn - counts.fp * counts.fn) / product
    skew = [(pair[0] - pair[1]) / n for pair in (rows, columns)]
    spread = [pair[0] * pair[1] / n**2 for pair in (rows, columns)]
    variance = (
        1
        - phi**2
        + phi * (1 + phi**2 / 2) * skew[0] * skew[1] / math.sqrt(spread[0] * spread[1])
        - 0.75 * phi**2 * (skew[0] ** 2 / spread[0] + skew[1] ** 2 / spread[1])
    ) / n
    if variance <= 1e-15:
        return Measure("MCC", phi, None, "no interval: the estimated variance is 0")
    half = normal_quantile(level) * math.sqrt(variance)
    interval = Interval(max(phi - half, -1.0), min(phi + half, 1.0), "large sample (Bishop 1975)", level)
    return Measure("MCC", phi, interval)
