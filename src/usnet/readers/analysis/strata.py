"""How readers and model do in each stratum of cases that the protocol names."""

from __future__ import annotations

from collections import defaultdict

from usnet.readers.readings import StudyData
from usnet.reports.statistics import Cell, Grid, interval_text
from usnet.statistics.groups import describe


def strata_grid(data: StudyData) -> Grid:
    """Share of right answers in each stratum by modality: mean over readers with a t interval over them (cases fixed), and the
    model's. Strata come in the protocol's order; one that nobody read has no row."""
    names = {case.name: case.stratum for case in data.cases.values() if case.use == "test"}
    rows: list[tuple[Cell, ...]] = []
    for stratum in dict.fromkeys([s.name for s in data.protocol.cases.strata] + sorted(set(names.values()))):
        cases = [name for name, its in names.items() if its == stratum]
        model = [data.ai[name].malignant == data.cases[name].malignant for name in cases if name in data.ai]
        for modality in data.modalities:
            shares = _shares(data, modality, set(cases))
            if shares:
                d = describe(shares)
                told = f"{sum(model)}/{len(model)}" if model else None
                rows.append((stratum, len(cases), modality, d.n, d.mean, d.sd, interval_text(d.interval, 1), told))
    headings = ("Stratum", "cases", "Arm", "readers", "right, %", "SD", "95 % CI", "AI right")
    return Grid("Strata of cases", headings, tuple(rows), 1)


def _shares(data: StudyData, modality: str, cases: set[str]) -> list[float]:
    """Per cent right of each reader among the cases, of those that he read."""
    right: dict[int, list[bool]] = defaultdict(list)
    for read in data.of(modality):
        if read.case in cases:
            right[read.reader].append(read.malignant == data.cases[read.case].malignant)
    return [100 * sum(own) / len(own) for own in right.values()]
