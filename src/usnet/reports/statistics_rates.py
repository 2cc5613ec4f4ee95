"""``usnet stats rates``: everything that a 2 x 2 table says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usnet.errors import ConfigError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text
from usnet.reports.statistics_roc import TRUTH_NAMES
from usnet.statistics.arrays import BoolArray
from usnet.statistics.clustered_rates import clustered_proportion
from usnet.statistics.intervals import Interval, Method
from usnet.statistics.rates import Counts
from usnet.statistics.tables import choose, read_table
from usnet.statistics.twobytwo import measures

NAMES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")
METHODS: tuple[Method, ...] = ("wilson", "exact", "agresti-coull", "jeffreys", "jeffreys-hpd", "wald")


@dataclass(frozen=True, slots=True)
class _Cases:
    truth: BoolArray
    called: BoolArray
    groups: np.ndarray


def rates_outcome(
    source: Path | Counts,
    *,
    call: str = "call",
    truth: str | None = None,
    positive: str | None = None,
    cluster: str | None = None,
    method: Method = "wilson",
    prevalence: float | None = None,
    level: float = 0.95,
) -> Outcome:
    """Rates of counts, or of a CSV file of calls (``cluster`` names its patients), at the sample's prevalence and at another.

    Raises
    ------
    DataError
        The file or a cell is not as it should be.
    ConfigError
        The method is unknown, the prevalence outside (0, 1), or ``cluster`` goes with a method other than Wilson's.
    """
    if method not in METHODS:
        raise ConfigError(f"unknown interval {method!r}", expected=", ".join(METHODS))
    if prevalence is not None and not 0 < prevalence < 1:
        raise ConfigError(f"prevalence {prevalence:g}", expected="a number between 0 and 1")
    if cluster and method != "wilson":
        raise ConfigError(f"{method} intervals take cases as independent", hint="Clusters go with Wilson's intervals")
    cases = None
    if isinstance(source, Counts):
        counts = source
    else:
        cases = _read(source, call, truth, positive, cluster)
        counts = _counts(cases)
    rows = tuple(_row(name, counts, cases if cluster else None, method, prevalence, level) for name in NAMES)
    ci = f"{100 * level:g} % CI"
    headings = ("rate", "value", ci, "n", *((f"at prevalence {prevalence:g}",) if prevalence is not None else ()))
    grids = [Grid("Rates", headings, rows), _table(counts)]
    if cluster is None:
        found = measures(counts, level)
        cells = tuple(
            (m.name, m.value, interval_text(m.interval), m.interval.method if m.interval else m.note) for m in found
        )
        grids.insert(1, Grid("Measures of the whole table", ("measure", "value", ci, "method or remark"), cells))
    how = f"{method} intervals" + (", on the effective number of cases" if cluster else "")
    n = f"{counts.positives:g} positive and {counts.negatives:g} negative cases"
    if cluster and cases is not None:
        n += f" in {np.unique(cases.groups).size} clusters"
    return Outcome(
        "rates",
        how,
        n,
        cluster or "case",
        tuple(grids),
        (_sentence(rows, n, how, ci),),
        _notes(counts, cluster, prevalence),
        {"counts": counts, "prevalence": counts.prevalence, "averaging": "raw"},
    )


def _read(path: Path, call: str, truth: str | None, positive: str | None, cluster: str | None) -> _Cases:
    table = read_table(path)
    labels = table.truth(choose(table, truth, TRUTH_NAMES, "truth"), positive)
    groups = np.array(table.text(cluster)) if cluster else np.arange(labels.size).astype(str)
    return _Cases(labels, table.flags(call), groups)


def _counts(c: _Cases) -> Counts:
    cells = (c.truth & c.called, ~c.truth & c.called, c.truth & ~c.called, ~c.truth & ~c.called)
    return Counts(*(float(cell.sum()) for cell in cells))


def _row(
    name: str, counts: Counts, cases: _Cases | None, method: Method, prevalence: float | None, level: float
) -> tuple[Cell, ...]:
    rate = counts.rate(name, method, level)
    interval: Interval | None = rate.interval
    if cases is not None and name != "f1":
        success, among = _events(cases, name)
        interval = clustered_proportion(success[among], cases.groups[among], level)
    shown = (name.upper() if name in ("ppv", "npv", "f1") else name, rate.value, interval_text(interval))
    size = f"{rate.numerator:g}/{rate.denominator:g}"
    if prevalence is None:
        return (*shown, size)
    return (*shown, size, _at(counts, name, prevalence))


def _events(c: _Cases, name: str) -> tuple[BoolArray, BoolArray]:
    everybody = np.ones(c.truth.size, dtype=bool)
    return {
        "sensitivity": (c.called, c.truth),
        "specificity": (~c.called, ~c.truth),
        "ppv": (c.truth, c.called),
        "npv": (~c.truth, ~c.called),
        "accuracy": (c.called == c.truth, everybody),
    }[name]


def _at(counts: Counts, name: str, prevalence: float) -> float | None:
    """The rate where a share ``prevalence`` of cases is positive, sensitivity and specificity as they are."""
    if min(counts.positives, counts.negatives) == 0:
        return None
    a, b = prevalence / counts.positives, (1 - prevalence) / counts.negatives
    return Counts(counts.tp * a, counts.fp * b, counts.fn * a, counts.tn * b).rate(name, None).value


def _table(counts: Counts) -> Grid:
    rows = (("positive", f"{counts.tp:g}", f"{counts.fn:g}"), ("negative", f"{counts.fp:g}", f"{counts.tn:g}"))
    return Grid("Counts: rows truth, columns call", ("truth", "called positive", "called negative"), rows)


def _notes(counts: Counts, cluster: str | None, prevalence: float | None) -> tuple[str, ...]:
    share = "unknown" if counts.prevalence is None else f"{100 * counts.prevalence:.1f} %"
    found = [f"Raw counts, not class-balanced; prevalence {share}: PPV, NPV, accuracy and F1 change with it."]
    if prevalence is not None:
        found.append(
            f"At prevalence {prevalence:g}: sensitivity and specificity as here, 0.5 is class-balanced; without intervals."
        )
    if cluster is None:
        found.append("Cases are taken as independent; name the cluster (patient) where several belong together.")
    found.append("F1 is no proportion of independent trials and gets no interval here.")
    return tuple(found)


def _sentence(rows: Sequence[tuple[Cell, ...]], n: str, how: str, ci: str) -> str:
    said = [f"{row[0]} {row[1]:.3f} ({ci} {row[2]}; {row[3]})" for row in rows[:4] if isinstance(row[1], float)]
    return f"{', '.join(said)}; {how}; {n}."
