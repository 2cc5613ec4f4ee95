"""How readers read: time, learning over positions, agreement with themselves and with each other, hard cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from usnet.readers.readings import Read, StudyData
from usnet.reports.statistics import Cell, Grid, interval_text, p_text
from usnet.statistics.agreement import cohen_kappa, limits_of_agreement
from usnet.statistics.agreement_many import fleiss_kappa
from usnet.statistics.groups import describe

HARD = 10


def time_grid(data: StudyData) -> Grid:
    """Active seconds a case: mean over readers of each reader's median, by modality and level; shares of idle time and tab away."""
    rows: list[tuple[Cell, ...]] = []
    for modality in data.modalities:
        reads = list(data.of(modality))
        for level, own in _by_level(data, reads):
            medians = [float(np.median([r.active_s for r in mine])) for mine in _by_reader(own).values()]
            d = describe(medians)
            spent = [sum(getattr(r, name) for r in own) for name in ("active_s", "idle_s", "away_s")]
            whole = sum(spent) or 1.0
            rows.append(
                (
                    modality,
                    level,
                    d.n,
                    d.mean,
                    d.sd,
                    f"{d.low:.1f}-{d.high:.1f}",
                    100 * spent[1] / whole,
                    100 * spent[2] / whole,
                )
            )
    headings = ("Arm", "Level", "readers", "seconds a case", "SD", "range", "idle, %", "tab away, %")
    return Grid("Time: readers' median active time a case", headings, tuple(rows), 1)


def learning_grid(data: StudyData) -> Grid:
    """Slope of being right and of time over the position, in each reader by least squares; mean over readers with a t interval."""
    rows: list[tuple[Cell, ...]] = []
    for modality in data.modalities:
        reads = list(data.of(modality))
        for title, value in (
            ("right answers, points per 100 positions", lambda r: 100.0 * _right(data, r)),
            ("log active time, % per 100 positions", lambda r: 100.0 * np.log(max(r.active_s, 0.1))),
        ):
            slopes = [
                100 * float(np.polyfit([r.order for r in mine], [value(r) for r in mine], 1)[0])
                for mine in _by_reader(reads).values()
                if len(mine) > 2
            ]
            if not slopes:
                continue
            d = describe(slopes)
            rows.append((modality, title, d.n, d.mean, interval_text(d.interval, 1), p_text(_t(d.mean, d.se, d.n))))
    return Grid("Learning over the position", ("Arm", "Slope of", "readers", "mean", "95 % CI", "p"), tuple(rows), 1)


def repeats_grid(data: StudyData) -> Grid:
    """Agreement of readers with themselves on the repeated cases, pooled and as a mean over readers."""
    rows: list[tuple[Cell, ...]] = []
    for modality in data.modalities:
        first = {(r.reader, r.period, r.case): r for r in data.of(modality)}
        pairs = [
            (before, again)
            for again in data.of(modality, "repeat")
            if (before := first.get((again.reader, again.period, again.case))) is not None
        ]
        if len(pairs) < 2:
            continue
        kappa = cohen_kappa([a.decision for a, _ in pairs], [b.decision for _, b in pairs])
        same = sum(a.decision == b.decision for a, b in pairs)
        cells: tuple[Cell, ...] = (modality, len({a.reader for a, _ in pairs}), len(pairs), f"{same}/{len(pairs)}")
        cells += (kappa.value, interval_text(kappa.interval), _birads_kappa(data, pairs), _limits(pairs))
        rows.append(cells)
    headings = (
        "Arm",
        "readers",
        "pairs",
        "same decision",
        "kappa (pooled)",
        "95 % CI",
        "BI-RADS, linear kappa",
        "probability, limits of agreement",
    )
    return Grid("Agreement of readers with themselves", headings, tuple(rows))


def agreement_grid(data: StudyData) -> Grid:
    """Fleiss' kappa of the decisions, by level and within each panel."""
    rows: list[tuple[Cell, ...]] = []
    for modality in data.modalities:
        reads = list(data.of(modality))
        panels = [p.name for p in data.protocol.panels]
        groups = _by_level(data, reads) + [
            (name, [r for r in reads if data.readers[r.reader].panel == name]) for name in panels
        ]
        for name, own in groups:
            readers = {r.reader for r in own}
            counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
            for r in own:
                counts[r.case][r.malignant] += 1
            if len(readers) < 2:
                continue
            kappa = fleiss_kappa(np.array(list(counts.values())))
            unanimous = sum(0 in pair for pair in counts.values())
            rows.append(
                (modality, name, len(readers), kappa.value, interval_text(kappa.interval), f"{unanimous}/{len(counts)}")
            )
    headings = ("Arm", "Group", "readers", "Fleiss' kappa", "95 % CI", "unanimous cases")
    return Grid("Agreement between readers", headings, tuple(rows))


def difficulty(data: StudyData, modality: str) -> list[tuple[str, str, int, int, bool | None]]:
    """Cases from hard to easy: name, label, right answers, answers, whether the model is right."""
    right: dict[str, list[bool]] = defaultdict(list)
    for r in data.of(modality):
        right[r.case].append(_right(data, r))
    found = [
        (
            name,
            data.cases[name].label,
            sum(v),
            len(v),
            None if name not in data.ai else data.ai[name].malignant == data.cases[name].malignant,
        )
        for name, v in right.items()
    ]
    return sorted(found, key=lambda row: (row[2] / row[3], row[0]))


def difficulty_grid(data: StudyData) -> Grid:
    """The hardest cases."""
    rows = tuple(
        (name, label, f"{right}/{n}", 100 * right / n, {True: "right", False: "wrong", None: "-"}[ai])
        for name, label, right, n, ai in difficulty(data, data.first_modality)[:HARD]
    )
    return Grid(f"The {len(rows)} hardest cases", ("Case", "truth", "right", "%", "AI"), rows, 1)


def _right(data: StudyData, r: Read) -> bool:
    return r.malignant == data.cases[r.case].malignant


def _by_reader(reads: Sequence[Read]) -> dict[int, list[Read]]:
    found: dict[int, list[Read]] = defaultdict(list)
    for r in reads:
        found[r.reader].append(r)
    return found


def _by_level(data: StudyData, reads: Sequence[Read]) -> list[tuple[str, list[Read]]]:
    found = [
        (level.name, [r for r in reads if data.readers[r.reader].level == level.name]) for level in data.protocol.levels
    ]
    return [(name, own) for name, own in found if own]


def _birads_kappa(data: StudyData, pairs: Sequence[tuple[Read, Read]]) -> Cell:
    both = [(a.birads, b.birads) for a, b in pairs if a.birads is not None and b.birads is not None]
    if not both:
        return None
    scale = data.protocol.questions.birads
    return cohen_kappa([a for a, _ in both], [b for _, b in both], weights="linear", categories=scale).value


def _limits(pairs: Sequence[tuple[Read, Read]]) -> Cell:
    both = [(a.probability, b.probability) for a, b in pairs if a.probability is not None and b.probability is not None]
    if len(both) < 2:
        return None
    d = limits_of_agreement([a for a, _ in both], [b for _, b in both])
    return f"{d.bias:.1f} ({d.low:.1f} to {d.high:.1f})"


def _t(mean: float, error: float | None, n: int) -> float | None:
    from scipy.special import stdtr

    return None if not error else float(2 * stdtr(n - 1, -abs(mean / error)))
