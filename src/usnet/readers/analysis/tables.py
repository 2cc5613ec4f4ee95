"""Tables 1 and 2 together, as text."""

from __future__ import annotations

from collections.abc import Sequence

from usnet.readers.analysis.scores import Score, ai_score, panel_decisions, panel_scores, reader_scores
from usnet.readers.analysis.table1 import by_sex, score_tests, table1
from usnet.readers.analysis.table2 import against, printed, with_intervals
from usnet.readers.readings import StudyData
from usnet.reports.statistics import Grid, plain_text

Pairs = dict[str, tuple[int, int, int, int]]


def first_grids(data: StudyData) -> list[Grid]:
    """Table 1 with its tests, sex, Table 2 with intervals and comparisons; of the modality without the model."""
    modality = data.first_modality
    scores, panels, ai = reader_scores(data, modality), panel_scores(data, modality), ai_score(data)
    grids = [table1(data, scores, panels, ai), score_tests(data, scores, panels, ai), by_sex(data, scores)]
    groups = {s.name: s.counts for s in (*([ai] if ai else []), *panels)}
    if groups:
        grids += [printed(groups), with_intervals(groups)]
    if ai is not None and panels:
        grids.append(against("AI", groups, _pairs(data, modality, panels)))
    return [grid for grid in grids if grid.rows]


def paper_tables(data: StudyData) -> str:
    """The same as plain text."""
    head = f"{data.protocol.study.title}: {len(data.readers)} readers, arm {data.first_modality}"
    return "\n\n".join([head, *(plain_text(grid) for grid in first_grids(data))])


def _pairs(data: StudyData, modality: str, panels: Sequence[Score]) -> Pairs:
    found: Pairs = {}
    for name, decisions in panel_decisions(data, modality).items():
        cells = {(a, b): 0 for a in (True, False) for b in (True, False)}
        for case, said in decisions.items():
            truth = data.cases[case].malignant
            cells[data.ai[case].malignant == truth, said == truth] += 1
        found[name] = (cells[True, True], cells[True, False], cells[False, True], cells[False, False])
    return {panel.name: found[panel.name] for panel in panels}
