"""``usnet stats groups`` where the values are words: counts by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from usnet.errors import DataError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text
from usnet.statistics.groups import TestResult
from usnet.statistics.groups_counts import chi_square, fisher
from usnet.statistics.intervals import proportion_interval
from usnet.statistics.tables import Table


def is_words(table: Table, value: str) -> bool:
    """Whether no cell of the column is a number."""
    return not any(_is_number(cell) for cell in table.text(value))


def counts_outcome(table: Table, value: str, group: str, groups: Sequence[str], unit: str, level: float) -> Outcome:
    """Counts of each category in each group, chi-square, and Fisher's test of a 2 x 2 table.

    Raises
    ------
    DataError
        All rows have the same category.
    """
    cells, names = np.array(table.text(value)), np.array(table.text(group))
    categories = sorted(set(cells.tolist()))
    if len(categories) < 2:
        raise DataError(f"every {value} is {categories[0]!r}", source=table.path, expected="two categories or more")
    counts = np.array([[int(((names == g) & (cells == c)).sum()) for c in categories] for g in groups])
    tests = [chi_square(counts, unit=unit)]
    if counts.shape == (2, 2):
        tests.append(fisher(counts, unit=unit, level=level))
    rows = tuple(_shares(str(g), row, categories, level) for g, row in zip(groups, counts, strict=True))
    headings = (group, "n", *(part for c in categories for part in (c, f"share, {100 * level:g} % CI")))
    tested: tuple[tuple[Cell, ...], ...] = tuple(
        (t.test, t.statistic, p_text(t.p), t.effect, interval_text(t.interval), t.effect_name, t.note) for t in tests
    )
    notes = (
        *(f"{t.test}: {t.note}." for t in tests if t.note),
        f"Each row of the file is one independent {unit}: rows of one patient, or readings of the same cases, are not.",
    )
    sentences = tuple(
        f"{value.capitalize()} by {group}: {t.test}, {t.statistic_name}{_df(t)} = {t.statistic:.3g}, p {_equals(p_text(t.p))}."
        for t in tests
        if t.statistic is not None
    )
    return Outcome(
        "groups",
        "; ".join(t.test for t in tests),
        ", ".join(f"{g}: {row.sum()}" for g, row in zip(groups, counts, strict=True)),
        unit,
        (
            Grid(f"{value} by {group}; Wilson intervals", headings, rows),
            Grid("Tests", ("test", "statistic", "p", "effect", "CI", "effect is", "remark"), tested),
        ),
        sentences,
        notes,
        {"counts": counts, "categories": categories, "groups": list(groups), "tests": tests},
    )


def _shares(name: str, row: np.ndarray, categories: Sequence[str], level: float) -> tuple[Cell, ...]:
    total = int(row.sum())
    parts: list[Cell] = [name, total]
    for count in row.tolist():
        interval = proportion_interval(count, total, level=level)
        parts += [count, f"{count / total:.3f} ({interval_text(interval)})"]
    return tuple(parts)


def _df(test: TestResult) -> str:
    return f"({', '.join(f'{v:g}' for v in test.df)})" if test.df else ""


def _equals(shown: str) -> str:
    return shown if shown.startswith("<") else f"= {shown}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
