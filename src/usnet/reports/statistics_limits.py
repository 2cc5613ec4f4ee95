"""``usnet stats agreement --limits``: measurements of two readers, Bland and Altman's limits."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from usnet.errors import DataError
from usnet.reports.statistics import Grid, Outcome, interval_text
from usnet.reports.statistics_limits_figure import Pairs, limits_figure
from usnet.statistics.agreement import LimitsOfAgreement, limits_of_agreement
from usnet.statistics.tables import read_table


def limits_outcome(
    path: Path, *, case: str = "case", reader: str = "reader", rating: str = "rating", level: float = 0.95
) -> Outcome:
    """Bias and limits of agreement of every pair of readers, one row a measurement.

    Raises
    ------
    DataError
        A reader measured a case twice, a value is no number, or two readers share fewer than two cases.
    """
    table = read_table(path)
    cells: dict[tuple[str, str], float] = {}
    keys = zip(table.text(reader), table.text(case), strict=True)
    for row, key, value in zip(table.rows, keys, table.numbers(rating).tolist(), strict=True):
        if key in cells:
            raise DataError(f"reader {key[0]!r} measured case {key[1]!r} twice", source=path, row=row)
        cells[key] = value
    pairs = _pairs(cells, path)
    found = {names: limits_of_agreement(*values, level=level) for names, values in pairs.items()}
    ci = f"{100 * level:g} % CI"
    rows = tuple(
        (
            f"{a} - {b}",
            one.n,
            one.bias,
            interval_text(one.bias_interval),
            one.sd,
            one.low,
            interval_text(one.low_interval),
            one.high,
            interval_text(one.high_interval),
        )
        for (a, b), one in found.items()
    )
    headings = ("readers", "cases", "bias", ci, "SD of differences", "lower limit", ci, "upper limit", ci)
    sentences = tuple(_sentence(a, b, one, rating, ci) for (a, b), one in found.items())
    return Outcome(
        "agreement",
        f"limits of agreement (Bland and Altman 1999), {100 * level:g} % of differences",
        f"{len({k[0] for k in cells})} readers, {len({k[1] for k in cells})} cases, {len(cells)} measurements",
        "case",
        (Grid("Limits of agreement", headings, rows),),
        sentences,
        (
            "Assumes independent cases and differences that are normal and do not grow with the size measured: see the figure.",
        ),
        {f"{a} - {b}": one for (a, b), one in found.items()},
        {"limits": limits_figure(pairs, found, rating)},
    )


def _pairs(cells: dict[tuple[str, str], float], path: Path) -> Pairs:
    readers, cases = (list(dict.fromkeys(k[i] for k in cells)) for i in (0, 1))
    result: Pairs = {}
    for a, b in combinations(readers, 2):
        both = [c for c in cases if (a, c) in cells and (b, c) in cells]
        if len(both) < 2:
            raise DataError(f"readers {a!r} and {b!r} share {len(both)} cases", source=path, expected="two or more")
        result[a, b] = (np.array([cells[a, c] for c in both]), np.array([cells[b, c] for c in both]))
    if not result:
        raise DataError("one reader", source=path, expected="two or more")
    return result


def _sentence(first: str, second: str, one: LimitsOfAgreement, rating: str, ci: str) -> str:
    return (
        f"The difference of {rating} ({first} - {second}, {one.n} cases) was {one.bias:.2f} on average "
        f"({ci} {interval_text(one.bias_interval, 2)}), limits of agreement {one.low:.2f} to {one.high:.2f}."
    )
