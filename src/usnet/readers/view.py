"""What a reader may see now, and not a byte more."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from usnet.readers.commit import Receipt
from usnet.readers.place import Place, StudyError, stream_of
from usnet.readers.protocol import Protocol
from usnet.readers.tables import AnswerRow, CaseRow, DraftRow, FindingRow, ReaderRow, SlotRow, StudyRow, TruthRow
from usnet.store import chain
from usnet.store.tables import table_of

Phase = Literal["consent", "profile", "reading", "washout", "paused", "closed", "finished", "excluded"]


@dataclass(frozen=True, slots=True)
class View:
    """State of one reader's session as its page shows it.

    ``use`` is ``training`` or ``reading``: a repetition is not told. ``findings`` are the model's, only where arm and lock allow;
    ``first`` is the reader's own locked first answer. ``image`` stays on the server.
    """

    phase: Phase
    period: int = 0
    periods: int = 1
    position: int = 0
    total: int = 0
    step: int = 0
    use: str = ""
    arm: str = ""
    width: int = 0
    height: int = 0
    findings: dict[str, Any] | None = None
    first: dict[str, Any] | None = None
    draft: dict[str, Any] | None = None
    opens_at: float | None = None
    image: str = field(default="", repr=False)

    def public(self) -> dict[str, Any]:
        """For the page: everything but the image's name."""
        names = [name for name in View.__slots__ if name != "image"]
        return {name: getattr(self, name) for name in names}


def view(session: Session, place: Place, protocol: Protocol, number: int) -> View:
    """What reader ``number`` sees now.

    Raises
    ------
    StudyError
        No such reader.
    """
    study = protocol.study.id
    reader = session.execute(
        select(ReaderRow.__table__, StudyRow.state.label("study_state"), StudyRow.closes_at).where(
            ReaderRow.study == study, ReaderRow.number == number, StudyRow.id == ReaderRow.study
        )
    ).one_or_none()
    if reader is None:
        raise StudyError(f"no reader {number} in study {study!r}")
    phase = _phase(reader, time.time())
    periods = protocol.periods
    if phase != "reading":
        return View(phase, reader.period, periods, opens_at=reader.opens_at if phase == "washout" else None)
    return _case(session, place, protocol, reader)


def after_commit(
    session: Session,
    place: Place,
    protocol: Protocol,
    number: int,
    receipt: Receipt,
    findings: Mapping[str, dict[str, Any]],
) -> View:
    """What follows a fresh answer: from the receipt alone where the next case is a plain one. ``findings`` are all of the study's,
    see :func:`all_findings`."""
    after = receipt.after
    if after is None or receipt.again or not receipt.last_step:
        return view(session, place, protocol, number)
    return View(
        "reading",
        receipt.period,
        protocol.periods,
        after.position,
        _total(protocol, receipt.period),
        0,
        "training" if after.use == "training" else "reading",
        after.arm,
        after.width,
        after.height,
        findings.get(after.name) if after.arm == "aided" else None,
        image=after.image,
    )


def all_findings(session: Session, study: str) -> dict[str, dict[str, Any]]:
    """The model's findings by case, as the page shows them; they cannot change after the start."""
    rows = session.scalars(select(FindingRow).where(FindingRow.study == study))
    return {row.name: _shown(row) for row in rows}


def shown_now(session: Session, study: str, number: int) -> None:
    """Note when the open case was first shown; the caller's transaction writes."""
    session.execute(
        update(table_of(ReaderRow))
        .where(
            ReaderRow.study == study,
            ReaderRow.number == number,
            ReaderRow.state == "reading",
            ReaderRow.opened_at.is_(None),
        )
        .values(opened_at=time.time())
    )


def feedback(session: Session, study: str, case: str) -> dict[str, Any]:
    """Truth of a training case, for after its answer is locked."""
    truth = session.execute(
        select(TruthRow.label, TruthRow.boxes, CaseRow.use).where(
            TruthRow.study == study,
            TruthRow.name == case,
            CaseRow.study == TruthRow.study,
            CaseRow.name == TruthRow.name,
        )
    ).one()
    if truth.use != "training":
        raise StudyError("feedback is for training cases")
    return {"label": truth.label, "boxes": [box for box, _ in json.loads(truth.boxes)]}


def _phase(reader: Any, now: float) -> Phase:
    if reader.state in ("excluded", "finished"):
        return "excluded" if reader.state == "excluded" else "finished"
    if reader.study_state == "ended" or (reader.closes_at is not None and now > reader.closes_at):
        return "closed"
    if reader.study_state == "paused":
        return "paused"
    if reader.state != "reading":
        return "consent" if reader.state == "invited" else "profile"
    return "washout" if reader.opens_at is not None and now < reader.opens_at else "reading"


def _case(session: Session, place: Place, protocol: Protocol, reader: Any) -> View:
    study, number = protocol.study.id, reader.number
    slot = session.execute(
        select(SlotRow.name, SlotRow.use, SlotRow.arm, CaseRow.image, CaseRow.width, CaseRow.height).where(
            SlotRow.study == study,
            SlotRow.reader == number,
            SlotRow.period == reader.period,
            SlotRow.position == reader.position,
            CaseRow.study == SlotRow.study,
            CaseRow.name == SlotRow.name,
        )
    ).one()
    draft = session.get(DraftRow, (study, number))
    here = (reader.period, reader.position, reader.step)
    fresh = draft is not None and (draft.period, draft.position, draft.step) == here
    revealed = slot.arm == "aided" or (slot.arm == "sequential" and reader.step == 1)
    return View(
        "reading",
        reader.period,
        protocol.periods,
        reader.position,
        _total(protocol, reader.period),
        reader.step,
        "training" if slot.use == "training" else "reading",
        slot.arm,
        slot.width,
        slot.height,
        _findings(session, study, slot.name) if revealed else None,
        _first(session, study, number, reader) if reader.step == 1 else None,
        json.loads(draft.body) if draft is not None and fresh else None,
        None,
        slot.image,
    )


def _total(protocol: Protocol, period: int) -> int:
    cases = protocol.cases
    return cases.total + cases.repeats + (cases.training if period == 0 else 0)


def _findings(session: Session, study: str, case: str) -> dict[str, Any] | None:
    row = session.get(FindingRow, (study, case))
    if row is None:
        return None
    return _shown(row)


def _shown(row: FindingRow) -> dict[str, Any]:
    return {"label": row.label, "probability": row.probability, "boxes": json.loads(row.boxes)}


def _first(session: Session, study: str, number: int, reader: Any) -> dict[str, Any] | None:
    entry = session.scalar(
        select(AnswerRow.entry).where(
            AnswerRow.study == study,
            AnswerRow.reader == number,
            AnswerRow.period == reader.period,
            AnswerRow.position == reader.position,
            AnswerRow.step == 0,
        )
    )
    if entry is None:
        return None
    body = next(chain.read(session, stream_of(study, number), start=entry)).body
    return {name: body.get(name) for name in ("decision", "probability", "birads", "marks", "comment")}
