"""The paper's Table 2: sensitivity, specificity, PPV, NPV, accuracy and kappa of the model and of each panel."""

from __future__ import annotations

from collections.abc import Mapping

from usnet.reports.statistics import Cell, Grid, interval_text, p_text
from usnet.statistics.agreement import kappa_of_table
from usnet.statistics.groups_counts import fisher, mcnemar
from usnet.statistics.rates import Counts

COLUMNS = {
    "sensitivity": "Sensitivity, % (n)",
    "specificity": "Specificity, % (n)",
    "ppv": "PPV, % (n)",
    "npv": "NPV, % (n)",
    "accuracy": "Accuracy, % (n)",
}


def printed(groups: Mapping[str, Counts]) -> Grid:
    """The table in the paper's own form: per cent with one decimal unless it is whole, and the counts."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(_percent(counts, rate) for rate in COLUMNS), _kappa(counts)) for name, counts in groups.items()
    )
    return Grid("Table 2. Diagnostic performance", ("Group", *COLUMNS.values(), "κ"), rows)


def with_intervals(groups: Mapping[str, Counts]) -> Grid:
    """The same figures with 95 % intervals: Wilson for rates, Fleiss-Cohen-Everitt for kappa against the truth."""
    rows: list[tuple[Cell, ...]] = []
    for name, counts in groups.items():
        cells = [counts.rate(rate) for rate in COLUMNS]
        texts = [
            f"{_number(100 * r.low)}-{_number(100 * r.high)}" if r.low is not None and r.high is not None else None
            for r in cells
        ]
        kappa = kappa_of_table([[counts.tp, counts.fn], [counts.fp, counts.tn]])
        rows.append((name, *texts, interval_text(kappa.interval, 2).replace(" to ", "-")))
    headings = tuple(f"{h.partition(',')[0]}, 95 % CI" for h in COLUMNS.values())
    return Grid("Table 2, intervals", ("Group", *headings, "κ, 95 % CI"), tuple(rows))


def against(first: str, groups: Mapping[str, Counts], pairs: Mapping[str, tuple[int, int, int, int]]) -> Grid:
    """The first group against each other: Fisher's test as if the cases were different ones, and McNemar's test of the same cases,
    where ``pairs`` gives them as (both right, first only, other only, both wrong)."""
    rows: list[tuple[Cell, ...]] = []
    one = groups[first]
    for name, other in groups.items():
        if name == first:
            continue
        right = [int(c.tp + c.tn) for c in (one, other)]
        wrong = [int(c.total) - r for c, r in zip((one, other), right, strict=True)]
        test = fisher([[right[0], wrong[0]], [right[1], wrong[1]]])
        both = pairs.get(name)
        paired = None if both is None else mcnemar([[both[0], both[1]], [both[2], both[3]]])
        cells = (
            (f"{both[1]} v {both[2]}", p_text(paired.p)) if both is not None and paired is not None else (None, None)
        )
        rows.append((f"{first} v {name}", f"{right[0]} v {right[1]}", p_text(test.p), *cells))
    return Grid(
        "Table 2, comparisons of accuracy",
        ("", "right", "p, Fisher (unpaired)", "right alone", "p, McNemar exact (same cases)"),
        tuple(rows),
    )


def _percent(counts: Counts, rate: str) -> str | None:
    value = counts.rate(rate)
    if value.value is None:
        return None
    return f"{_number(100 * value.value)} ({value.numerator:g}/{value.denominator:g})"


def _number(percent: float) -> str:
    """One decimal unless it is whole: 92, 90.2."""
    return f"{percent:.1f}".removesuffix(".0")


def _kappa(counts: Counts) -> str | None:
    value = kappa_of_table([[counts.tp, counts.fn], [counts.fp, counts.tn]]).value
    return None if value is None else f"{value:.2f}"
