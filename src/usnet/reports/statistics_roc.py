"""``usnet stats roc``: ROC of scores in a CSV file of cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from usnet.reports.statistics import Cell, Grid, Outcome, interval_text
from usnet.reports.statistics_roc_bootstrap import bootstrap_grid
from usnet.reports.statistics_roc_figure import curves
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.clustered import FEW_CLUSTERS, clustered_auc
from usnet.statistics.clustered_rates import clustered_proportion
from usnet.statistics.intervals import Interval
from usnet.statistics.operating import RocPoint, sensitivity_at, youden
from usnet.statistics.rates import Rate
from usnet.statistics.roc import Auc, Scale, auc
from usnet.statistics.roc_partial import Axis, PartialAuc, partial_auc
from usnet.statistics.tables import Table, choose, read_table

if TYPE_CHECKING:
    pass

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
    partial: tuple[Axis, float, float] | None = None,
    scale: Scale = "plain",
    bootstrap: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Outcome:
    """AUC, partial AUC and operating points of one or more columns of scores, one row a case.

    ``partial`` is the axis and range of the partial area (default: specificity from ``specificity`` to 1); ``scale`` that of the
    AUC's interval; ``bootstrap`` and ``seed`` are the draws for the partial area and the sensitivity at ``specificity``.

    Raises
    ------
    DataError
        The file or a cell is not as it should be; see :mod:`usnet.statistics.tables`.
    ConfigError
        A column was not named and cannot be guessed.
    """
    table = read_table(path)
    labels = labels_of(table, truth, positive)
    names = list(scores or [choose(table, None, SCORE_NAMES, "score")])
    values = {name: table.numbers(name) for name in names}
    groups = table.text(cluster) if cluster else None
    areas = {name: _area(labels, value, groups, scale, level) for name, value in values.items()}
    axis, low, high = partial or ("specificity", specificity, 1.0)
    parts = {name: partial_auc(labels, value, low, high, axis=axis) for name, value in values.items()}
    points = {name: _points(labels, value, specificity, groups, level) for name, value in values.items()}
    drawn = bootstrap_grid(
        labels, values, groups, (bootstrap, seed), specificity=specificity, limits=(axis, low, high), level=level
    )
    methods = dict.fromkeys(a.interval.method if a.interval else "no interval" for a in areas.values())
    return Outcome(
        "roc",
        "; ".join(methods),
        size_text(labels, groups),
        cluster or "case",
        (
            _area_grid(areas, parts, f"{axis} {low:g} to {high:g}", level),
            _point_grid(points, specificity, groups is not None, level),
            *((drawn,) if bootstrap else ()),
        ),
        tuple(_sentence(name, area, labels, groups, level) for name, area in areas.items()),
        (*warnings_of(groups), "Points chosen on these cases look better than they will be on new ones."),
        {"auc": areas, "partial_auc": parts, "points": points},
        {"roc": curves(labels, values)},
    )


def _area(labels: BoolArray, value: FloatArray, groups: Sequence[str] | None, scale: Scale, level: float) -> Auc:
    if groups is None:
        return auc(labels, value, scale=scale, level=level)
    return clustered_auc(labels, value, groups, scale=scale, level=level)


def _points(
    labels: BoolArray, value: FloatArray, specificity: float, groups: Sequence[str] | None, level: float
) -> tuple[RocPoint | None, RocPoint | None]:
    """The point of the greatest Youden index, and the one at ``specificity``; intervals for clustered cases with ``groups``."""
    found = youden(labels, value, level=level), sensitivity_at(labels, value, specificity, level=level)
    if groups is None:
        return found
    member = np.array(groups)

    def clustered(point: RocPoint | None) -> RocPoint | None:
        if point is None:
            return None
        called = value >= point.threshold
        sensitivity = clustered_proportion(called[labels], member[labels], level)
        specific = clustered_proportion(~called[~labels], member[~labels], level)
        return replace(
            point,
            sensitivity=_with(point.sensitivity, sensitivity),
            specificity=_with(point.specificity, specific),
        )

    return clustered(found[0]), clustered(found[1])


def _with(rate: Rate, interval: Interval | None) -> Rate:
    if interval is None:
        return rate
    return replace(rate, low=interval.low, high=interval.high, method=interval.method)


def _area_grid(areas: dict[str, Auc], parts: dict[str, PartialAuc], limits: str, level: float) -> Grid:
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
    span = f"pAUC, {limits}"
    headings = ("score", "AUC", f"{100 * level:g} % CI", "SE", span, "pAUC, McClish", "remark")
    return Grid("Area under the ROC curve", headings, rows)


def _point_grid(
    points: Mapping[str, tuple[RocPoint | None, ...]], specificity: float, clustered: bool, level: float
) -> Grid:
    rules, ci = ("greatest Youden index", f"specificity at least {specificity:g}"), f"{100 * level:g} % CI"
    rows = tuple(_point(n, rule, p) for n, both in points.items() for rule, p in zip(rules, both, strict=True) if p)
    headings = ("score", "rule", "threshold", "sensitivity", ci, "n", "specificity", ci, "n")
    how = "clustered, take the threshold as given" if clustered else "take threshold and cases as given"
    return Grid(f"Operating points (Wilson intervals {how})", headings, rows)


def labels_of(table: Table, truth: str | None, positive: str | None) -> BoolArray:
    return table.truth(choose(table, truth, TRUTH_NAMES, "truth"), positive)


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


def size_text(labels: BoolArray, groups: Sequence[str] | None) -> str:
    size = f"{labels.sum()} positive and {(~labels).sum()} negative cases"
    return size if groups is None else f"{size} in {len(set(groups))} clusters"


def warnings_of(groups: Sequence[str] | None) -> tuple[str, ...]:
    if groups is None:
        return ("Cases are taken as independent; name the cluster (patient) where several belong together.",)
    count = len(set(groups))
    return (f"Only {count} clusters: their variance is unstable below {FEW_CLUSTERS}.",) if count < FEW_CLUSTERS else ()


def _sentence(name: str, area: Auc, labels: BoolArray, groups: Sequence[str] | None, level: float) -> str:
    method = f"{area.interval.method if area.interval else 'no interval can be given'}; {size_text(labels, groups)}"
    value = "not estimable" if area.value is None else f"{area.value:.3f}"
    return f"The AUC of {name} was {value} ({100 * level:g} % CI {interval_text(area.interval)}; {method})."
