"""``usnet stats agreement``: how far readers agree with each other, or with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from usnet.errors import ConfigError, DataError
from usnet.reports.statistics import Grid, Outcome, interval_text
from usnet.statistics.agreement import Agreement, Weights, cohen_kappa, intra_reader
from usnet.statistics.agreement_many import fleiss_kappa, gwet_ac, rating_counts
from usnet.statistics.tables import Table, read_table

MOST_PAIRS = 6
"""Up to this many readers every pair gets its own kappa."""


def agreement_outcome(
    path: Path,
    *,
    case: str = "case",
    reader: str = "reader",
    rating: str = "rating",
    occasion: str | None = None,
    weights: Weights = "none",
    categories: Sequence[str] | None = None,
    level: float = 0.95,
) -> Outcome:
    """Agreement of readers on the same cases, one row a rating; with ``occasion`` of each reader with himself.

    Ratings are taken as numbers where all are; otherwise weights need ``categories`` in their order.

    Raises
    ------
    DataError
        A reader rated a case twice (on one occasion); too few ratings; a rating is no category.
    ConfigError
        Weights without an order of the categories.
    """
    table = read_table(path)
    ratings, scale = _scale(table, rating, weights, categories)
    occasions = table.text(occasion) if occasion else ["once"] * len(ratings)
    cells: dict[tuple[str, str, str], Any] = {}
    for row, key, value in zip(
        table.rows, zip(table.text(reader), occasions, table.text(case), strict=True), ratings, strict=True
    ):
        if key in cells:
            raise DataError(f"reader {key[0]!r} rated case {key[2]!r} twice", source=path, row=row)
        cells[key] = value
    try:
        if occasion:
            found, title = _intra(cells, scale, weights, level), "Each reader with himself"
        else:
            found, title = _inter(cells, scale, weights, level), "Readers with each other"
    except ValueError as error:
        raise DataError(str(error), source=path) from error
    ci = f"{100 * level:g} % CI"
    rows = tuple(
        (who, a.name, a.value, interval_text(a.interval), a.observed, a.expected, a.n, a.note) for who, a in found
    )
    headings = ("readers", "coefficient", "value", ci, "observed", "by chance", "cases", "remark")
    readers = sorted({key[0] for key in cells})
    n = f"{len(readers)} readers, {len({key[2] for key in cells})} cases, {len(cells)} ratings"
    sentences = tuple(
        f"{a.name} ({who}) was {a.value:.2f} ({ci} {interval_text(a.interval, 2)}; {a.n} cases)."
        for who, a in found
        if a.value is not None
    )
    notes = ("Agreement is not accuracy.", "Cases are taken as independent.")
    method = ", ".join(dict.fromkeys(a.name for _, a in found))
    return Outcome("agreement", method, n, "case", (Grid(title, headings, rows),), sentences, notes, dict(found))


def _scale(
    table: Table, rating: str, weights: Weights, categories: Sequence[str] | None
) -> tuple[list[Any], list[Any]]:
    """Ratings and their categories in order."""
    cells = table.text(rating)
    if categories is not None:
        for row, cell in zip(table.rows, cells, strict=True):
            if cell not in categories:
                raise DataError(
                    f"rating {cell!r}", source=table.path, row=row, expected=f"one of {', '.join(categories)}"
                )
        return cells, list(categories)
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        if weights != "none":
            raise ConfigError("weights need the order of the categories", source=table.path, hint="Name them") from None
        return cells, sorted(set(cells))
    numbers = table.numbers(rating).tolist()
    return numbers, sorted(set(numbers))


def _inter(
    cells: dict[tuple[str, str, str], Any], scale: list[Any], weights: Weights, level: float
) -> list[tuple[str, Agreement]]:
    readers, cases = (list(dict.fromkeys(k[i] for k in cells)) for i in (0, 2))
    if len(readers) < 2:
        raise ValueError("one reader: agreement needs two, or an occasion")
    found = []
    if len(readers) <= MOST_PAIRS:
        for a, b in combinations(readers, 2):
            both = [c for c in cases if (a, "once", c) in cells and (b, "once", c) in cells]
            first, second = ([cells[r, "once", c] for c in both] for r in (a, b))
            found.append((f"{a}, {b}", cohen_kappa(first, second, weights=weights, categories=scale, level=level)))
    counts, _ = rating_counts([[cells.get((r, "once", c)) for r in readers] for c in cases], scale)
    everybody = f"all {len(readers)}"
    found.append((everybody, fleiss_kappa(counts, weights=weights, level=level)))
    found.append((everybody, gwet_ac(counts, weights=weights, level=level)))
    return found


def _intra(
    cells: dict[tuple[str, str, str], Any], scale: list[Any], weights: Weights, level: float
) -> list[tuple[str, Agreement]]:
    readers, occasions, cases = (list(dict.fromkeys(k[i] for k in cells)) for i in range(3))
    if len(occasions) != 2:
        raise ValueError(f"{len(occasions)} occasions ({', '.join(occasions)}), expected two")
    pairs = {}
    for reader in readers:
        both = [c for c in cases if all((reader, o, c) in cells for o in occasions)]
        if both:
            first, second = ([cells[reader, o, c] for c in both] for o in occasions)
            pairs[reader] = (first, second)
    if not pairs:
        raise ValueError("no reader read a case on both occasions")
    return list(intra_reader(pairs, weights=weights, categories=scale, level=level).items())
