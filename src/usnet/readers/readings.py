"""All answers of a study as plain values, read from the signed log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from usnet.readers.place import Place, protocol_of, stream_of, study_row
from usnet.readers.protocol import Protocol
from usnet.readers.tables import CaseRow, FindingRow, ReaderRow, SlotRow, TruthRow
from usnet.store.database import reading
from usnet.store.tables import Link


@dataclass(frozen=True, slots=True)
class Read:
    """One committed answer, the last revision of it. ``modality`` is the arm, and for a sequential one also the step. ``order`` is
    the place among the cases that count of a period, from 0. ``marks`` are (x, y, width, height, confidence). Times in seconds."""

    reader: int
    modality: str
    period: int
    order: int
    case: str
    use: str
    decision: str
    probability: int | None
    birads: str | None
    marks: tuple[tuple[float, float, float, float, int], ...]
    comment: str
    active_s: float
    idle_s: float
    away_s: float
    open_s: float | None
    hints: tuple[str, ...]
    time: str

    @property
    def malignant(self) -> bool:
        """The decision."""
        return self.decision == "malignant"

    @property
    def score(self) -> float:
        """What a ROC curve is drawn from: the probability, or the decision as 0 and 100 where none was asked."""
        return float(self.probability) if self.probability is not None else 100.0 * self.malignant


@dataclass(frozen=True, slots=True)
class Person:
    """A reader without name: what was told, and what is due of the cases that count."""

    number: int
    level: str
    years: float
    sex: str
    age_band: str
    panel: str | None
    sequence: str
    due: int


@dataclass(frozen=True, slots=True)
class Case:
    """A case with its truth; ``boxes`` are those of its nodules. ``malignant`` is the condition that is looked for."""

    name: str
    use: str
    stratum: str
    nodule: str
    label: str
    boxes: tuple[tuple[float, float, float, float], ...]

    @property
    def malignant(self) -> bool:
        """Whether the case has the condition."""
        return self.label == "malignant"


@dataclass(frozen=True, slots=True)
class AiOpinion:
    """The model's reading of a case at the stored operating point; ``boxes`` are (x, y, width, height, score)."""

    malignant: bool
    probability: float
    boxes: tuple[tuple[float, float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class StudyData:
    """Everything an analysis needs. ``reads`` leave out training cases and excluded readers; ``excluded`` says why, by number."""

    protocol: Protocol
    state: str
    readers: Mapping[int, Person]
    cases: Mapping[str, Case]
    ai: Mapping[str, AiOpinion]
    model: Mapping[str, Any] | None
    reads: tuple[Read, ...]
    excluded: Mapping[int, str]
    invited: int
    started: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """All that the protocol can give, in its order."""
        names: list[str] = []
        for arm in self.protocol.design.arms:
            names += [f"sequential, {part}" for part in ("alone", "with AI")] if arm == "sequential" else [arm]
        return tuple(names)

    @property
    def first_modality(self) -> str:
        """The one that Tables 1 and 2 are made of: reading without the model where the protocol has it."""
        alone = [m for m in self.modalities if m in ("unaided", "sequential, alone")]
        return (alone or list(self.modalities))[0]

    def of(self, modality: str, use: str = "test") -> Iterator[Read]:
        """The reads of a modality."""
        return (r for r in self.reads if r.modality == modality and r.use == use)


def collect(place: Place, study: str) -> StudyData:
    """All that was read so far.

    Raises
    ------
    StudyError
        No such study.
    """
    with reading(place.engine) as session:
        row = study_row(session, study)
        protocol = protocol_of(row)
        cases = _cases(session, study)
        rows = session.scalars(select(ReaderRow).where(ReaderRow.study == study)).all()
        counts = select(SlotRow.reader, func.count()).where(SlotRow.study == study, SlotRow.use == "test")
        due = dict(session.execute(counts.group_by(SlotRow.reader)).all())
        readers = {
            r.number: Person(
                r.number,
                str(r.level),
                float(r.years or 0),
                str(r.sex),
                str(r.age_band),
                r.panel,
                str(r.sequence),
                due[r.number],
            )
            for r in rows
            if r.sequence is not None and r.state != "excluded"
        }
        excluded = {r.number: str(r.reason) for r in rows if r.state == "excluded"}
        training = sum(c.use == "training" for c in cases.values())
        reads = tuple(_latest(_answers(session, study, set(readers), training)))
        start = session.execute(
            select(Link.body, Link.time).where(Link.stream == stream_of(study), Link.position == 0)
        ).one()
        model = json.loads(start.body)["model"]
        ai = _ai(session, study)
        return StudyData(
            protocol, row.state, readers, cases, ai, model, reads, excluded, len(rows), str(start.time)[:10]
        )


def _cases(session: Session, study: str) -> dict[str, Case]:
    query = select(CaseRow.name, CaseRow.use, CaseRow.stratum, CaseRow.nodule, TruthRow.label, TruthRow.boxes).where(
        CaseRow.study == study, TruthRow.study == study, TruthRow.name == CaseRow.name
    )
    return {
        r.name: Case(r.name, r.use, r.stratum, r.nodule, r.label, tuple(tuple(b) for b, _ in json.loads(r.boxes)))
        for r in session.execute(query.order_by(CaseRow.name))
    }


def _ai(session: Session, study: str) -> dict[str, AiOpinion]:
    rows = session.scalars(select(FindingRow).where(FindingRow.study == study))
    return {
        r.name: AiOpinion(
            r.label == "malignant",
            r.probability,
            tuple((*b["box"], b["score"]) for b in json.loads(r.boxes)),
        )
        for r in rows
    }


def _answers(session: Session, study: str, readers: set[int], training: int) -> Iterator[tuple[Any, ...]]:
    prefix = stream_of(study) + "/"
    query = (
        select(Link.stream, Link.time, Link.body)
        .where(Link.stream > prefix, Link.stream < prefix[:-1] + "0", Link.action == "answer")
        .order_by(Link.stream, Link.position)
    )
    for stream, time, text in session.execute(query).yield_per(2000):
        number = int(stream.rpartition("/")[2])
        if number in readers:
            body = json.loads(text)
            if body["use"] != "training":
                key = (number, body["period"], body["position"], body["step"])
                yield key, _read(number, body, time, training)


def _read(number: int, body: dict[str, Any], time: str, training: int) -> Read:
    modality = body["arm"]
    if modality == "sequential":
        modality = "sequential, with AI" if body["step"] else "sequential, alone"
    return Read(
        number,
        modality,
        body["period"],
        body["position"] - (training if body["period"] == 0 else 0),
        body["case"],
        body["use"],
        body["decision"],
        body["probability"],
        body["birads"],
        tuple((*m["box"], m["confidence"]) for m in body["marks"]),
        body["comment"],
        body["active_s"],
        body["idle_s"],
        body["away_s"],
        body["open_s"],
        tuple(body["hints"]),
        time,
    )


def _latest(answers: Iterable[tuple[Any, Read]]) -> list[Read]:
    """The last revision of each answer."""
    return list(dict(answers).values())
