"""The readings as a multi-reader multi-case study, and its comparisons: arms, the model against readers, each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from usnet.errors import DataError
from usnet.readers.readings import StudyData
from usnet.reports.statistics import Cell, Grid, interval_text, p_text
from usnet.statistics.mrmc import (
    AiResult,
    Estimate,
    MrmcResult,
    Reading,
    Study,
    UResult,
    ai_against_readers,
    analyse,
    ustatistics,
)

_MOST_GAPPY = 60
"""Readers up to whom U-statistics are computed where readings are missing: their cost grows with readers times cases squared."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Readings due and made of a modality, and the readers who made them all."""

    modality: str
    due: int
    made: int
    complete: tuple[int, ...]
    readers: int


def mrmc_study(data: StudyData, modalities: Sequence[str], readers: Sequence[int] | None = None) -> Study:
    """The probabilities (or decisions) of the cases that count, repeats left out, as a study.

    Raises
    ------
    DataError
        Nobody read.
    """
    kept = set(data.readers if readers is None else readers)
    rows = (
        Reading(f"R{r.reader:03d}", m, r.case, data.cases[r.case].malignant, r.score)
        for m in modalities
        for r in sorted(data.of(m), key=lambda r: (r.reader, r.case))
        if r.reader in kept
    )
    return Study.from_readings(rows, data.protocol.study.id)


def missing(data: StudyData, modality: str) -> Missing:
    """What is missing of a modality; readers who never began the study are not counted."""
    total = data.protocol.cases.total
    made: dict[int, int] = dict.fromkeys(data.readers, 0)
    for r in data.of(modality):
        made[r.reader] += 1
    complete = tuple(n for n, count in made.items() if count == total)
    return Missing(modality, total * len(made), sum(made.values()), complete, len(made))


def missing_grid(data: StudyData) -> Grid:
    """Readings due, made and missing by modality and level."""
    rows: list[tuple[Cell, ...]] = []
    for modality in data.modalities:
        one = missing(data, modality)
        rows.append((modality, one.readers, len(one.complete), one.due, one.made, one.due - one.made))
    return Grid(
        "Readings", ("Arm", "readers enrolled", "read all cases", "readings due", "made", "missing"), tuple(rows)
    )


def ai_grid(data: StudyData, modality: str) -> tuple[Grid, list[AiResult]]:
    """The model against all readers and against each level, by AUC (1T-RRRC) and by sensitivity and specificity of the decisions;
    readers who read all cases."""
    complete = missing(data, modality).complete
    groups = [("all", complete)] + [
        (level.name, tuple(n for n in complete if data.readers[n].level == level.name))
        for level in data.protocol.levels
    ]
    rows: list[tuple[Cell, ...]] = []
    found: list[AiResult] = []
    scores = {name: a.probability for name, a in data.ai.items() if data.cases[name].use == "test"}
    for name, readers in groups:
        if len(readers) < 2:
            continue
        result = ai_against_readers(mrmc_study(data, [modality], readers), scores, covariance="delong")
        found.append(result)
        d = result.difference
        rows.append(
            (
                name,
                len(readers),
                result.ai_value,
                result.readers_mean.value,
                interval_text(result.readers_mean.interval),
                d.value,
                interval_text(d.interval),
                p_text(d.p),
                f"{result.ai_reaches}/{len(readers)}",
            )
        )
    headings = ("Readers", "n", "AUC, AI", "readers", "95 % CI", "readers - AI", "95 % CI ", "p", "AI reaches")
    return Grid("AI against readers: AUC, readers and cases random (1T-RRRC)", headings, tuple(rows)), found


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """Two modalities compared in one group of readers. ``balanced`` on the readers who read everything, ``gappy`` on all."""

    group: str
    readers: int
    balanced: MrmcResult | None
    gappy: UResult | None


def compare_arms(data: StudyData) -> list[ArmComparison]:
    """All modalities against each other, over all readers and within each level."""
    modalities = data.modalities
    if len(modalities) < 2:
        return []
    complete = set.intersection(*(set(missing(data, m).complete) for m in modalities))
    gaps = any(missing(data, m).due != missing(data, m).made for m in modalities)
    found = []
    groups = [("all", set(data.readers))]
    groups += [
        (level.name, {n for n, p in data.readers.items() if p.level == level.name}) for level in data.protocol.levels
    ]
    for name, members in groups:
        balanced = sorted(members & complete)
        result = analyse(mrmc_study(data, modalities, balanced)) if len(balanced) > 1 else None
        found.append(ArmComparison(name, len(balanced), result, _gappy(data, name, members) if gaps else None))
    return [c for c in found if c.balanced is not None or c.gappy is not None]


def _gappy(data: StudyData, name: str, members: set[int]) -> UResult | None:
    if not 2 <= len(members) <= _MOST_GAPPY:
        return None
    try:
        return ustatistics(mrmc_study(data, data.modalities, sorted(members)), centre=True)
    except DataError:
        return None  # too few readings in one of the arms; the table says how many there are


def arms_grid(found: Sequence[ArmComparison]) -> Grid:
    """Differences of AUC between modalities: Obuchowski-Rockette where readings are complete, U-statistics beside it."""
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        if one.balanced is not None:
            values = {m.label: m.value for m in one.balanced.means}
            rows += [_arm_row(one.group, one.readers, d, values, "OR") for d in one.balanced.differences]
        if one.gappy is not None:
            values = {m.label: m.value for m in one.gappy.means}
            n, method = len(one.gappy.readers), "U-statistics, missing readings"
            rows += [_arm_row(one.group, n, d.bdg, values, method) for d in one.gappy.differences]
    headings = ("Readers", "n", "Arms", "AUC, first", "second", "difference", "95 % CI", "p", "Method")
    return Grid("Arms compared: AUC, readers and cases random", headings, tuple(rows))


def _arm_row(group: str, n: int, d: Estimate, values: dict[str, float], method: str) -> tuple[Cell, ...]:
    first, _, second = d.label.partition(" - ")
    means = (values.get(first), values.get(second))
    return (group, n, d.label, *means, d.value, interval_text(d.interval), p_text(d.p), method)
