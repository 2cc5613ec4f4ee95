"""``usnet stats compare``: two AUCs, of the same cases or of two groups of cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text
from usnet.reports.statistics_margin import margin_grid
from usnet.reports.statistics_roc import labels_of, size_text, warnings_of
from usnet.reports.statistics_roc_figure import curves, group_curves
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.clustered import clustered_paired_test
from usnet.statistics.intervals import Interval
from usnet.statistics.mrmc import Estimate, Kind, MarginTest, margin_test
from usnet.statistics.roc import AucDifference, paired_test
from usnet.statistics.roc_independent import UnpairedAuc, unpaired_test
from usnet.statistics.tables import Table, read_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def compare_outcome(
    path: Path,
    first: str,
    second: str | None = None,
    *,
    by: str | None = None,
    truth: str | None = None,
    positive: str | None = None,
    cluster: str | None = None,
    margin: float | None = None,
    kind: Kind = "non-inferiority",
    level: float = 0.95,
) -> Outcome:
    """Two scores on the same cases (``second``), or one score in two groups of cases (``by``).

    ``margin`` asks whether the first is no worse than the second by more than that (``kind`` ``equivalence``: neither way).

    Raises
    ------
    DataError
        As :func:`roc_outcome`; or ``by`` does not make two groups with two cases of each class.
    ConfigError
        Not exactly one of ``second`` and ``by`` is given, or ``by`` with ``cluster``.
    """
    if (second is None) == (by is None) or (by and cluster):
        raise ConfigError("a comparison needs a second score, or a column that makes two groups (not clustered)")
    table = read_table(path)
    labels, x = labels_of(table, truth, positive), table.numbers(first)
    groups = table.text(cluster) if cluster else None
    result: AucDifference | UnpairedAuc
    if second is not None:
        names, y = (first, second), table.numbers(second)
        result = _paired(labels, x, y, groups, level, path)
        draw = curves(labels, {first: x, second: y})
        statistic, subjects = ("z", result.z), "scores of the same cases"
    else:
        result, names, draw = _unpaired(table, labels, x, str(by), level)
        statistic, subjects = ("t", result.t), f"{by}: different cases"
    size = size_text(labels, groups)
    tests = [] if margin is None else [_margin(names, result, margin, kind)]
    return Outcome(
        "compare",
        result.method,
        size,
        cluster or "case",
        (_difference_grid(names, result, statistic, subjects, level), *margin_grid(tests)),
        (_difference_sentence(names, result, statistic, size, level), *(t.sentence() for t in tests)),
        warnings_of(groups),
        {"difference": result, "margin": tests},
        {"compare": draw},
    )


def _difference_grid(
    names: tuple[str, str],
    result: AucDifference | UnpairedAuc,
    statistic: tuple[str, float | None],
    subjects: str,
    level: float,
) -> Grid:
    rows: tuple[tuple[Cell, ...], ...] = (
        (names[0], result.first, None, None, None),
        (names[1], result.second, None, None, None),
        ("difference", result.difference, interval_text(_interval(result)), statistic[1], p_text(result.p)),
    )
    headings = ("", "AUC", f"{100 * level:g} % CI", statistic[0], "p")
    return Grid(f"Comparison of two AUCs, {subjects}", headings, rows)


def _difference_sentence(
    names: tuple[str, str],
    result: AucDifference | UnpairedAuc,
    statistic: tuple[str, float | None],
    size: str,
    level: float,
) -> str:
    return (
        f"AUC was {result.first:.3f} ({names[0]}) and {result.second:.3f} ({names[1]}); difference {result.difference:.3f} "
        f"({100 * level:g} % CI {interval_text(_interval(result))}, {statistic[0]} = {_number(statistic[1])}, "
        f"p {_equals(result.p)}; {result.method}; {size})."
    )


def _margin(names: tuple[str, str], result: AucDifference | UnpairedAuc, margin: float, kind: Kind) -> MarginTest:
    df = result.df if isinstance(result, UnpairedAuc) else None
    label = f"{names[0]} - {names[1]}"
    estimate = Estimate(label, result.difference, result.standard_error, df, _interval(result))
    return margin_test(estimate, margin, kind=kind)


def _interval(result: AucDifference | UnpairedAuc) -> Interval | None:
    """The interval, but none of width 0: two curves without variance bound nothing."""
    return result.interval if result.standard_error > 0 else None


def _paired(
    labels: BoolArray, x: FloatArray, y: FloatArray, groups: Sequence[str] | None, level: float, path: Path
) -> AucDifference:
    try:
        if groups is None:
            return paired_test(labels, x, y, level=level)
        return clustered_paired_test(labels, x, y, groups, level=level)
    except ValueError as error:
        raise DataError(str(error), source=path) from error


def _unpaired(
    table: Table, labels: BoolArray, x: FloatArray, by: str, level: float
) -> tuple[UnpairedAuc, tuple[str, str], Callable[[], Figure]]:
    cells = np.array(table.text(by))
    names = sorted(set(cells.tolist()))
    if len(names) != 2:
        raise DataError(f"{len(names)} groups in {by!r}", source=table.path, expected="two")
    here = cells == names[0]
    try:
        result = unpaired_test(labels[here], x[here], labels[~here], x[~here], level=level)
    except ValueError as error:
        raise DataError(f"{by}: {error}", source=table.path) from error
    return result, (names[0], names[1]), group_curves(labels, x, here, (names[0], names[1]))


def _number(value: float | None) -> str:
    return "not estimable" if value is None else f"{value:.2f}"


def _equals(p: float | None) -> str:
    if p is None:
        return "not estimable"
    shown = p_text(p)
    return shown if shown.startswith("<") else f"= {shown}"
