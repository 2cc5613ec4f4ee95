"""``usnet stats groups``: scores of readers by level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text
from usnet.reports.statistics_counts import counts_outcome, is_words
from usnet.statistics.arrays import FloatArray
from usnet.statistics.groups import (
    TestResult,
    describe,
    kruskal_wallis,
    mann_whitney,
    one_against_group,
    welch_anova,
    welch_t,
)
from usnet.statistics.groups_pairs import Pair, dunn, games_howell
from usnet.statistics.groups_trend import jonckheere
from usnet.statistics.tables import Table, read_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARED_CASES = (
    "Readers who read the same cases share these cases: the tests speak of readers on these very cases. For new cases use "
    "'usnet stats mrmc'."
)


def groups_outcome(
    path: Path,
    *,
    value: str = "score",
    group: str = "level",
    order: Sequence[str] | None = None,
    single: float | None = None,
    unit: str = "reader",
    level: float = 0.95,
) -> Outcome:
    """Describe and compare groups of values, one row a value; words instead of numbers are counted.

    ``order`` names the groups in their order and asks for a test of trend. ``single`` is one score (of an AI) to set against each
    group.

    Raises
    ------
    DataError
        The file is not as it should be, or holds fewer than two groups.
    ConfigError
        ``order`` does not name the groups of the file.
    """
    table = read_table(path)
    names = _names(table, group, order)
    if is_words(table, value):
        return counts_outcome(table, value, group, names, unit, level)
    groups = _split(table, value, group, names)
    rows = tuple(_described(name, x, level) for name, x in groups.items())
    ci = f"{100 * level:g} % CI of mean"
    headings = (group, "n", "mean", "SD", "SE", ci, "median", "quartiles", "range")
    grids = [Grid(f"{value} by {group}; SD is the spread of values, SE the uncertainty of the mean", headings, rows, 2)]
    tests, pairs = _tests(groups, order is not None, unit)
    grids.append(Grid("Tests", ("test", "statistic", "df", "p", "assumes"), tuple(map(_tested, tests))))
    if pairs:
        paired = tuple(
            (f"{p.first} - {p.second}", p.method, p.difference, interval_text(p.interval, 2), p_text(p.p))
            for p in pairs
        )
        grids.append(Grid("Pairs (p adjusted for all pairs)", ("pair", "method", "difference", "CI", "p"), paired, 2))
    if single is not None:
        found = [(n, t) for n, x in groups.items() for t in one_against_group(single, x, unit=unit)]
        title = f"The single score {single:g} against each group: two questions"
        single_rows = tuple((n, t.test, t.statistic, p_text(t.p)) for n, t in found)
        grids.append(Grid(title, (group, "question", "t", "p"), single_rows, 2))
    sizes = ", ".join(f"{name}: {x.size}" for name, x in groups.items())
    sentences = tuple(_test_sentence(t, value, group) for t in tests)
    numbers = {"groups": {n: describe(x, level) for n, x in groups.items()}, "tests": tests, "pairs": pairs}
    method = "; ".join(t.test for t in tests)
    figures = {"groups": _boxes(groups, value, single)}
    return Outcome("groups", method, sizes, unit, tuple(grids), sentences, (SHARED_CASES,), numbers, figures)


def _names(table: Table, group: str, order: Sequence[str] | None) -> list[str]:
    """The groups, in the order asked for or that of the file."""
    present = list(dict.fromkeys(table.text(group)))
    if order is not None and set(order) != set(present):
        raise ConfigError(f"order {', '.join(order)}", source=table.path, expected=f"the groups {', '.join(present)}")
    if len(present) < 2:
        raise DataError(f"one group in {group!r}", source=table.path, expected="two or more")
    return list(order or present)


def _split(table: Table, value: str, group: str, names: Sequence[str]) -> dict[str, FloatArray]:
    numbers, member = table.numbers(value), np.array(table.text(group))
    return {name: numbers[member == name] for name in names}


def _described(name: str, x: FloatArray, level: float) -> tuple[Cell, ...]:
    d = describe(x, level)
    quartiles = f"{d.quartiles[0]:.2f} to {d.quartiles[1]:.2f}"
    return (
        name,
        d.n,
        d.mean,
        d.sd,
        d.se,
        interval_text(d.interval, 2),
        d.median,
        quartiles,
        f"{d.low:g} to {d.high:g}",
    )


def _tests(groups: dict[str, FloatArray], ordered: bool, unit: str) -> tuple[list[TestResult], list[Pair]]:
    x = list(groups.values())
    trend = [jonckheere(x, unit=unit)] if ordered else []
    if len(x) == 2:
        return [mann_whitney(x[0], x[1], unit=unit), welch_t(x[0], x[1], unit=unit), *trend], []
    pairs = [*dunn(groups), *games_howell(groups)]
    return [kruskal_wallis(x, unit=unit), welch_anova(x, unit=unit), *trend], pairs


def _tested(test: TestResult) -> tuple[Cell, ...]:
    shown = "-" if test.statistic is None else f"{test.statistic_name} = {test.statistic:.4g}"
    df = ", ".join(f"{v:.4g}" for v in test.df) or None
    return (test.test, shown, df, p_text(test.p), test.assumption + (f" ({test.note})" if test.note else ""))


def _test_sentence(test: TestResult, value: str, group: str) -> str:
    if test.p is None:
        return f"{test.test}: not estimable ({test.note})."
    df = f"({', '.join(f'{v:.4g}' for v in test.df)})" if test.df else ""
    shown = p_text(test.p)
    p = shown if shown.startswith("<") else f"= {shown}"
    return f"{value.capitalize()} by {group}: {test.test}, {test.statistic_name}{df} = {test.statistic:.4g}, p {p}."


def _boxes(groups: dict[str, FloatArray], value: str, single: float | None) -> Callable[[], Figure]:
    def draw() -> Figure:
        from matplotlib.figure import Figure as Canvas

        figure = Canvas(figsize=(1.6 + 1.0 * len(groups), 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.boxplot(list(groups.values()), showfliers=False, medianprops={"color": "#D55E00"})
        rng = np.random.default_rng(0)
        for place, x in enumerate(groups.values(), start=1):
            axes.plot(place + rng.uniform(-0.15, 0.15, x.size), x, ".", color="#0072B2", alpha=0.5)
        axes.set_xticks(range(1, len(groups) + 1), [f"{name}\nn = {x.size}" for name, x in groups.items()])
        if single is not None:
            axes.axhline(single, color="#4D4D4D", linestyle="--")
            axes.set_title(f"dashed: single score {single:g}", loc="left", fontsize=10)
        axes.set_ylabel(value)
        return figure

    return draw
