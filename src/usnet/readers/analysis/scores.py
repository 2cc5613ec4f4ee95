"""Points and 2 x 2 tables of readers, panels and the model; malignant is positive, a point for each right answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from usnet.readers.readings import Read, StudyData
from usnet.statistics.rates import Counts


@dataclass(frozen=True, slots=True)
class Score:
    """One reader's (panel's, model's) 2 x 2 table over the cases read; ``points`` are per 100 cases."""

    name: str
    counts: Counts
    level: str = ""
    sex: str = ""

    @property
    def right(self) -> int:
        """Cases decided as the truth is."""
        return int(self.counts.tp + self.counts.tn)

    @property
    def read(self) -> int:
        """Cases read."""
        return int(self.counts.total)

    @property
    def points(self) -> float:
        """Right answers per 100 cases read: with 100 cases the paper's score."""
        return 100 * self.right / self.read


def count(pairs: Iterable[tuple[bool, bool]]) -> Counts:
    """2 x 2 table of (truth, decision) pairs."""
    seen = Counter(pairs)
    return Counts(seen[True, True], seen[False, True], seen[True, False], seen[False, False])


def reader_scores(data: StudyData, modality: str) -> dict[int, Score]:
    """Score of every reader who read a case in ``modality``, those of discussing panels left out."""
    together = {p.name for p in data.protocol.panels if p.mode == "discussion"}
    by_reader: dict[int, list[Read]] = defaultdict(list)
    for read in data.of(modality):
        if data.readers[read.reader].panel not in together:
            by_reader[read.reader].append(read)
    return {
        number: Score(
            str(number),
            count((data.cases[r.case].malignant, r.malignant) for r in reads),
            data.readers[number].level,
            data.readers[number].sex,
        )
        for number, reads in sorted(by_reader.items())
    }


def panel_decisions(data: StudyData, modality: str) -> dict[str, dict[str, bool]]:
    """Each panel's decision by case: the majority of its members who read the case (an even split among those left gives none), or
    the one answer of a discussing panel."""
    votes: dict[str, dict[str, list[bool]]] = {p.name: defaultdict(list) for p in data.protocol.panels}
    for read in data.of(modality):
        panel = data.readers[read.reader].panel
        if panel is not None:
            votes[panel][read.case].append(read.malignant)
    return {
        name: {case: 2 * sum(v) > len(v) for case, v in sorted(cases.items()) if 2 * sum(v) != len(v)}
        for name, cases in votes.items()
        if cases
    }


def panel_scores(data: StudyData, modality: str) -> list[Score]:
    """Score of every panel."""
    return [
        Score(name, count((data.cases[case].malignant, said) for case, said in decisions.items()))
        for name, decisions in panel_decisions(data, modality).items()
    ]


def ai_score(data: StudyData) -> Score | None:
    """The model's score at its stored operating point; ``None`` where the protocol names no model."""
    pairs = [(data.cases[n].malignant, a.malignant) for n, a in data.ai.items() if data.cases[n].use == "test"]
    return Score("AI", count(pairs)) if pairs else None


def by_level(data: StudyData, scores: Mapping[int, Score]) -> dict[str, list[Score]]:
    """Readers' scores by level, in the protocol's order; levels without a reader are left out."""
    found = {level.name: [s for s in scores.values() if s.level == level.name] for level in data.protocol.levels}
    return {level: own for level, own in found.items() if own}
