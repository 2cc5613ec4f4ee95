"""``usnet stats roc`` and ``compare``: ROC of scores in a CSV file of cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text
from usnet.reports.statistics_roc_figure import curves, group_curves
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.clustered import FEW_CLUSTERS, clustered_auc, clustered_paired_test
from usnet.statistics.intervals import Interval
from usnet.statistics.operating import RocPoint, sensitivity_at, youden
from usnet.statistics.roc import Auc, AucDifference, auc, paired_test
from usnet.statistics.roc_independent import UnpairedAuc, unpaired_test
from usnet.statistics.roc_partial import PartialAuc, partial_auc
from usnet.statistics.tables import Table, choose, read_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRUTH_NAMES = ("truth", "label", "outcome")
SCORE_NAMES = ("score", "probability")


def roc_outcome(
    path: Path,
    scores: Sequence[str] | None = None,
    *,
    truth: str | None = None,
    positive: str | None = None,
    cluster: str | None = None,
    specificity: float = 0.9,
    level: float = 0.95,
) -> Outcome:
    """AUC, partial AUC and operating points of one or more columns of scores, one row a case.

    Raises
    ------
    DataError
        The file or a cell is not as it should be; see :mod:`usnet.statistics.tables`.
    ConfigError
        A column was not named and cannot be guessed.
    """
    table = read_table(path)
    labels = _labels(table, truth, positive)
    names = list(scores or [choose(table, None, SCORE_NAMES, "score")])
    values = {name: table.numbers(name) for name in names}
    groups = table.text(cluster) if cluster else None
    areas = {name: _area(labels, value, groups, level) for name, value in values.items()}
    parts = {name: partial_auc(labels, value, specificity, 1.0) for name, value in values.items()}
    points = {
        name: (youden(labels, value, level=level), sensitivity_at(labels, value, specificity, level=level))
        for name, value in values.items()
    }
    methods = dict.fromkeys(a.interval.method if a.interval else "no interval" for a in areas.values())
    return Outcome(
        "roc",
        "; ".join(methods),
        _size(labels, groups),
        cluster or "case",
        (_area_grid(areas, parts, specificity, level), _point_grid(points, specificity, level)),
        tuple(_sentence(name, area, labels, groups, level) for name, area in areas.items()),
        (*_warnings(groups), "Points chosen on these cases look better than they will be on new ones."),
        {"auc": areas, "partial_auc": parts, "points": points},
        {"roc": curves(labels, values)},
    )


def _area(labels: BoolArray, value: FloatArray, groups: Sequence[str] | None, level: float) -> Auc:
    return auc(labels, value, level=level) if groups is None else clustered_auc(labels, value, groups, level=level)


def _area_grid(areas: dict[str, Auc], parts: dict[str, PartialAuc], specificity: float, level: float) -> Grid:
    rows = tuple(
        (
            name,
            area.value,
            interval_text(area.interval),
            None if area.variance is None else float(np.sqrt(area.variance)),
            parts[name].value,
            parts[name].corrected,
            ", ".join(area.flags) or None,
        )
        for name, area in areas.items()
    )
    span = f"pAUC, specificity {specificity:g} to 1"
    headings = ("score", "AUC", f"{100 * level:g} % CI", "SE", span, "pAUC, McClish", "remark")
    return Grid("Area under the ROC curve", headings, rows)


def _point_grid(points: Mapping[str, tuple[RocPoint | None, ...]], specificity: float, level: float) -> Grid:
    rules, ci = ("greatest Youden index", f"specificity at least {specificity:g}"), f"{100 * level:g} % CI"
    rows = tuple(_point(n, rule, p) for n, both in points.items() for rule, p in zip(rules, both, strict=True) if p)
    headings = ("score", "rule", "threshold", "sensitivity", ci, "n", "specificity", ci, "n")
    return Grid("Operating points (Wilson intervals take threshold and cases as given)", headings, rows)


def compare_outcome(
    path: Path,
    first: str,
    second: str | None = None,
    *,
    by: str | None = None,
    truth: str | None = None,
    positive: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
) -> Outcome:
    """Two scores on the same cases (``second``), or one score in two groups of cases (``by``).

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
    labels, x = _labels(table, truth, positive), table.numbers(first)
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
    size = _size(labels, groups)
    return Outcome(
        "compare",
        result.method,
        size,
        cluster or "case",
        (_difference_grid(names, result, statistic, subjects, level),),
        (_difference_sentence(names, result, statistic, size, level),),
        _warnings(groups),
        {"difference": result},
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


def _interval(result: AucDifference | UnpairedAuc) -> Interval | None:
    """The interval, but none of width 0: two curves without variance bound nothing."""
    return result.interval if result.standard_error > 0 else None


def _labels(table: Table, truth: str | None, positive: str | None) -> BoolArray:
    return table.truth(choose(table, truth, TRUTH_NAMES, "truth"), positive)


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


def _point(name: str, rule: str, point: RocPoint) -> tuple[Cell, ...]:
    a, b = point.sensitivity, point.specificity
    return (
        name,
        rule,
        f"{point.threshold:g}",
        a.value,
        interval_text(a.interval),
        f"{a.numerator:g}/{a.denominator:g}",
        b.value,
        interval_text(b.interval),
        f"{b.numerator:g}/{b.denominator:g}",
    )


def _size(labels: BoolArray, groups: Sequence[str] | None) -> str:
    size = f"{labels.sum()} positive and {(~labels).sum()} negative cases"
    return size if groups is None else f"{size} in {len(set(groups))} clusters"


def _warnings(groups: Sequence[str] | None) -> tuple[str, ...]:
    if groups is None:
        return ("Cases are taken as independent; name the cluster (patient) where several belong together.",)
    count = len(set(groups))
    return (f"Only {count} clusters: their variance is unstable below {FEW_CLUSTERS}.",) if count < FEW_CLUSTERS else ()


def _sentence(name: str, area: Auc, labels: BoolArray, groups: Sequence[str] | None, level: float) -> str:
    method = f"{area.interval.method if area.interval else 'no interval can be given'}; {_size(labels, groups)}"
    value = "not estimable" if area.value is None else f"{area.value:.3f}"
    return f"The AUC of {name} was {value} ({100 * level:g} % CI {interval_text(area.interval)}; {method})."


def _number(value: float | None) -> str:
    return "not estimable" if value is None else f"{value:.2f}"


def _equals(p: float | None) -> str:
    if p is None:
        return "not estimable"
    shown = p_text(p)
    return shown if shown.startswith("<") else f"= {shown}"
