"""What the model does to readers, by whether it is right: help and over-reliance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from usnet.readers.readings import Read, StudyData
from usnet.reports.statistics import Cell, Grid, interval_text, p_text
from usnet.statistics.groups import describe

_PAIRS = (("unaided", "aided"), ("sequential, alone", "sequential, with AI"))


def pairs(data: StudyData) -> list[tuple[str, str]]:
    """Pairs of modalities without and with the model that the protocol has."""
    return [pair for pair in _PAIRS if set(pair) <= set(data.modalities)]


def reliance(data: StudyData) -> list[Grid]:
    """For each pair of modalities: share right without and with the model where the model is right and where it is wrong.

    Shares are means over readers, differences have a t interval over readers (cases fixed). *Misled* counts answers that were right
    and became wrong, *rescued* the other way round.
    """
    return [_grid(data, alone, aided) for alone, aided in pairs(data) if data.ai]


def _grid(data: StudyData, alone: str, aided: str) -> Grid:
    rows: list[tuple[Cell, ...]] = []
    for title, right in (("AI right", True), ("AI wrong", False), ("all cases", None)):
        both = [(a, b) for a, b in _paired(data, alone, aided) if right is None or _ai_right(data, a.case) == right]
        if not both:
            continue
        by_reader: dict[int, list[tuple[bool, bool]]] = defaultdict(list)
        for a, b in both:
            truth = data.cases[a.case].malignant
            by_reader[a.reader].append((a.malignant == truth, b.malignant == truth))
        shares = [(_mean(x for x, _ in v), _mean(y for _, y in v)) for v in by_reader.values()]
        change = describe([y - x for x, y in shares])
        flat = [pair for v in by_reader.values() for pair in v]
        rows.append(
            (
                title,
                len({a.case for a, _ in both}),
                len(shares),
                100 * _mean(x for x, _ in shares),
                100 * _mean(y for _, y in shares),
                100 * change.mean,
                _percent(change.interval),
                p_text(_p(change.mean, change.se, change.n)),
                f"{sum(x and not y for x, y in flat)}/{sum(x for x, _ in flat)}",
                f"{sum(y and not x for x, y in flat)}/{sum(not x for x, _ in flat)}",
            )
        )
    headings = (
        "Cases",
        "n",
        "readers",
        f"right, % ({alone})",
        f"({aided})",
        "change",
        "95 % CI",
        "p (t, readers)",
        "misled",
        "rescued",
    )
    return Grid(f"Reliance on the model: {alone} and {aided}", headings, tuple(rows), 1)


def _paired(data: StudyData, alone: str, aided: str) -> Iterator[tuple[Read, Read]]:
    first = {(r.reader, r.case): r for r in data.of(alone)}
    for read in data.of(aided):
        before = first.get((read.reader, read.case))
        if before is not None:
            yield before, read


def _ai_right(data: StudyData, case: str) -> bool:
    return data.ai[case].malignant == data.cases[case].malignant


def _mean(values: Iterator[float] | Iterator[bool]) -> float:
    found = [float(v) for v in values]
    return sum(found) / len(found)


def _percent(interval: object) -> str:
    from usnet.statistics.intervals import Interval

    if not isinstance(interval, Interval):
        return "-"
    return interval_text(Interval(100 * interval.low, 100 * interval.high, interval.method), 1)


def _p(mean: float, error: float | None, n: int) -> float | None:
    from scipy.special import stdtr

    return None if not error else float(2 * stdtr(n - 1, -abs(mean / error)))
