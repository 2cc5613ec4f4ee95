"""``usnet stats paired``: two or more yes-or-no readings of the same cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from usnet.errors import ConfigError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.bootstrap import Resampler, weighted_mean
from usnet.statistics.clustered_rates import clustered_proportion, paired_rates
from usnet.statistics.groups import TestResult
from usnet.statistics.groups_counts import cochran_q
from usnet.statistics.groups_pairs import holm
from usnet.statistics.intervals import Interval
from usnet.statistics.tables import read_table


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Share of right calls of ``first`` minus ``second`` over ``n`` cases; ``adjusted`` is p for all pairs (Holm)."""

    first: str
    second: str
    n: int
    difference: float
    interval: Interval | None
    p: float | None
    adjusted: float | None
    method: str
    discordant: str


@dataclass(frozen=True, slots=True)
class _Question:
    """``right [K, N]`` over the cases of one rate."""

    name: str
    right: BoolArray
    groups: np.ndarray

    @property
    def clustered(self) -> bool:
        return np.unique(self.groups).size < self.groups.size


def paired_outcome(
    path: Path,
    readings: Sequence[str],
    *,
    truth: str | None = None,
    positive: str | None = None,
    cluster: str | None = None,
    bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Outcome:
    """Columns of 0 and 1 on the same cases: calls, set against ``truth`` where it is named, else right (1) and wrong (0) as given.

    Raises
    ------
    DataError
        The file or a cell is not as it should be.
    ConfigError
        Fewer than two readings, or one twice.
    """
    if len(readings) < 2 or len(set(readings)) < len(readings):
        raise ConfigError(
            f"readings {', '.join(readings)}", expected="two or more columns of the same cases, each once"
        )
    table = read_table(path)
    calls = np.stack([table.flags(name) for name in readings])
    groups = np.array(table.text(cluster)) if cluster else np.arange(calls.shape[1]).astype(str)
    labels = table.truth(truth, positive) if truth else None
    questions = tuple(_questions(calls, labels, groups))
    rows: list[tuple[Cell, ...]] = []
    found: dict[str, list[PairedDifference]] = {}
    overall: dict[str, TestResult] = {}
    for q in questions:
        rows += [_rate(q, name, i, level) for i, name in enumerate(readings)]
        found[q.name] = _pairs(q, readings, (bootstrap, seed), level)
        if len(readings) > 2 and not q.clustered:
            overall[q.name] = cochran_q(q.right.T)
    ci = f"{100 * level:g} % CI"
    grids = [
        Grid("Rates", ("rate", "reading", "value", ci, "n"), tuple(rows)),
        *_tests(overall),
        _differences(found, ci),
    ]
    used = dict.fromkeys([t.test for t in overall.values()] + [d.method for pairs in found.values() for d in pairs])
    count = np.unique(groups).size
    n = f"{calls.shape[1]} cases" + (f" in {count} clusters" if cluster else "")
    sentences = tuple(_sentence(name, d, level) for name, pairs in found.items() for d in pairs)
    numbers = {"differences": found, "cochran": overall}
    return Outcome(
        "paired", "; ".join(used), n, cluster or "case", tuple(grids), sentences, _notes(cluster, readings), numbers
    )


def _questions(calls: BoolArray, labels: BoolArray | None, groups: np.ndarray) -> Iterator[_Question]:
    if labels is None:
        yield _Question("right", calls, groups)
        return
    right = calls == labels
    for name, mask in (("sensitivity", labels), ("specificity", ~labels), ("accuracy", labels | ~labels)):
        yield _Question(name, right[:, mask], groups[mask])


def _rate(q: _Question, name: str, index: int, level: float) -> tuple[Cell, ...]:
    x = q.right[index].astype(np.float64)
    return (
        q.name,
        name,
        float(x.mean()),
        interval_text(clustered_proportion(x, q.groups, level)),
        f"{x.sum():g}/{x.size}",
    )


def _pairs(q: _Question, readings: Sequence[str], draws: tuple[int, int], level: float) -> list[PairedDifference]:
    found = [_pair(q, readings, pair, draws, level) for pair in combinations(range(len(readings)), 2)]
    known = [d.p for d in found if d.p is not None]
    adjusted = iter(holm(known).tolist()) if known else iter(())
    return [
        PairedDifference(
            d.first,
            d.second,
            d.n,
            d.difference,
            d.interval,
            d.p,
            next(adjusted) if d.p is not None and len(found) > 1 else d.p,
            d.method,
            d.discordant,
        )
        for d in found
    ]


def _pair(
    q: _Question, readings: Sequence[str], pair: tuple[int, int], draws: tuple[int, int], level: float
) -> PairedDifference:
    x, y = q.right[pair[0]], q.right[pair[1]]
    names, one = (readings[pair[0]], readings[pair[1]]), paired_rates(x, y, level)
    discordant = f"{one.only_first} and {one.only_second}"
    if not q.clustered:
        return PairedDifference(*names, one.n, one.difference, one.interval, one.p, None, one.method, discordant)
    gap: FloatArray = x.astype(np.float64) - y.astype(np.float64)
    boot = Resampler(q.groups, *draws).run(weighted_mean(gap), level)
    method = f"cluster bootstrap, {draws[0]} draws of {boot.clusters} clusters, seed {draws[1]}"
    return PairedDifference(*names, one.n, one.difference, boot.interval(), boot.p_value(), None, method, discordant)


def _tests(overall: dict[str, TestResult]) -> list[Grid]:
    rows = tuple(
        (name, t.test, t.statistic, ", ".join(f"{v:g}" for v in t.df) or None, p_text(t.p), t.note)
        for name, t in overall.items()
    )
    return [Grid("All readings alike", ("rate", "test", "Q", "df", "p", "remark"), rows)] if rows else []


def _differences(found: dict[str, list[PairedDifference]], ci: str) -> Grid:
    several = any(len(pairs) > 1 for pairs in found.values())
    rows = tuple(
        (name, f"{d.first} - {d.second}", d.difference, interval_text(d.interval), d.discordant, p_text(d.p))
        + ((p_text(d.adjusted),) if several else ())
        for name, pairs in found.items()
        for d in pairs
    )
    headings = ("rate", "readings", "difference", ci, "right in one only", "p", *(("p, Holm",) if several else ()))
    return Grid("Differences, paired", headings, rows)


def _sentence(name: str, d: PairedDifference, level: float) -> str:
    p = "not estimable" if d.p is None else p_text(d.p) if d.p < 0.001 else f"= {p_text(d.p)}"
    return (
        f"{name.capitalize()} of {d.first} minus {d.second} was {d.difference:.3f} ({100 * level:g} % CI "
        f"{interval_text(d.interval)}, p {p}; {d.method}; n = {d.n})."
    )


def _notes(cluster: str | None, readings: Sequence[str]) -> tuple[str, ...]:
    found = ["These tests speak of these very readings; for readers in general use 'usnet stats mrmc'."]
    if cluster is None:
        found.append("Cases are taken as independent; name the cluster (patient) where several belong together.")
    elif len(readings) > 2:
        found.append("Cochran's Q takes cases as independent, so it is left out of rates whose cases are clustered.")
    return tuple(found)
