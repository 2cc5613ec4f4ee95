"""Committing an answer: once, in the signed log, and only to the case that is open."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from usnet.readers.answer import Answer, AnswerRefused, check
from usnet.readers.place import Place, StudyError, stream_of
from usnet.readers.protocol import Protocol
from usnet.readers.tables import AnswerRow, CaseRow, DraftRow, ReaderRow, SlotRow, StudyRow
from usnet.store import chain


@dataclass(frozen=True, slots=True)
class Receipt:
    """``entry`` is the answer's row in the reader's log. ``again``: it had been committed before, by the same key."""

    entry: int
    again: bool
    use: str
    case: str


class Conflict(AnswerRefused):
    """The case is answered, or is not the one that is open: the page must show the present state."""


_READER = select(
    ReaderRow.state,
    ReaderRow.period,
    ReaderRow.position,
    ReaderRow.step,
    ReaderRow.opens_at,
    ReaderRow.sequence,
    StudyRow.state.label("study_state"),
    StudyRow.closes_at,
).where(StudyRow.id == ReaderRow.study)


def commit(session: Session, place: Place, protocol: Protocol, number: int, answer: Answer) -> Receipt:
    """Commit an answer within the caller's writing transaction, and open the next case.

    A key that was committed before gives the same receipt again, whatever has happened since. Nothing is written before all checks
    have passed.

    Raises
    ------
    Conflict
        The slot is answered by another key, or is not open.
    StudyError, AnswerRefused
        The study or the reader is not in a state to answer, or the answer does not fit the protocol.
    """
    study = protocol.study.id
    reader = session.execute(
        _READER.where(ReaderRow.study == study, ReaderRow.number == number).with_for_update(of=ReaderRow)
    ).one_or_none()
    if reader is None:
        raise StudyError(f"no reader {number} in study {study!r}")
    here = (answer.period, answer.position, answer.step)
    revising = False
    if here != (reader.period, reader.position, reader.step) or reader.state != "reading":
        before = _before(session, study, number, answer)
        if before is not None:
            return before
        revising = protocol.reading.return_allowed and answer.period == reader.period and here < tuple(reader[1:4])
    _refuse(reader, here, revising)
    slots = _slots(session, study, number, answer)
    if not slots:
        raise Conflict(f"no case at {here}")
    slot = slots[0]
    if revising and slot.arm == "sequential":
        raise Conflict("a sequential answer is final once the findings were shown")
    hints = check(answer, protocol.questions, slot.width, slot.height)
    revision = _next_revision(session, study, number, answer) if revising else 0
    entry = _append(session, place, study, number, answer, slot, revision, hints)
    if not revising:
        _advance(session, place, protocol, number, reader, slot, slots, entry, answer)
    return Receipt(entry.position, False, slot.use, slot.name)


def _before(session: Session, study: str, number: int, answer: Answer) -> Receipt | None:
    row = session.execute(
        select(AnswerRow.entry, SlotRow.use, SlotRow.name).where(
            AnswerRow.study == study,
            AnswerRow.reader == number,
            AnswerRow.client_key == answer.client_key,
            SlotRow.study == AnswerRow.study,
            SlotRow.reader == AnswerRow.reader,
            SlotRow.period == AnswerRow.period,
            SlotRow.position == AnswerRow.position,
        )
    ).one_or_none()
    return None if row is None else Receipt(row.entry, True, row.use, row.name)


def _refuse(reader: Any, here: tuple[int, int, int], revising: bool) -> None:
    now = time.time()
    if reader.state != "reading" and not (revising and reader.state == "finished"):
        raise StudyError(f"reader is {reader.state}")
    if reader.study_state != "running" or (reader.closes_at is not None and now > reader.closes_at):
        raise StudyError(f"the study is {'closed' if reader.study_state == 'running' else reader.study_state}")
    if reader.opens_at is not None and now < reader.opens_at:
        raise StudyError("the next period is not open yet")
    if not revising and here != (reader.period, reader.position, reader.step):
        answered = here < (reader.period, reader.position, reader.step)
        raise Conflict(
            "this case is answered, and a committed answer is final" if answered else "this case is not open"
        )


def _slots(session: Session, study: str, number: int, answer: Answer) -> list[Any]:
    """The slot that is answered and the one after it."""
    return list(
        session.execute(
            select(
                SlotRow.position,
                SlotRow.name,
                SlotRow.use,
                SlotRow.arm,
                SlotRow.opened_at,
                CaseRow.width,
                CaseRow.height,
            )
            .where(
                SlotRow.study == study,
                SlotRow.reader == number,
                SlotRow.period == answer.period,
                SlotRow.position.in_((answer.position, answer.position + 1)),
                CaseRow.study == SlotRow.study,
                CaseRow.name == SlotRow.name,
            )
            .order_by(SlotRow.position)
        )
    )


def _next_revision(session: Session, study: str, number: int, answer: Answer) -> int:
    found = session.scalars(
        select(AnswerRow.revision).where(
            AnswerRow.study == study,
            AnswerRow.reader == number,
            AnswerRow.period == answer.period,
            AnswerRow.position == answer.position,
            AnswerRow.step == answer.step,
        )
    ).all()
    return max(found, default=-1) + 1


def _append(
    session: Session,
    place: Place,
    study: str,
    number: int,
    answer: Answer,
    slot: Any,
    revision: int,
    hints: tuple[str, ...],
) -> chain.Entry:
    now = time.time()
    body = answer.model_dump(mode="json", exclude={"touched"})
    open_s = None if slot.opened_at is None else round(now - slot.opened_at, 3)
    body |= {"case": slot.name, "use": slot.use, "arm": slot.arm, "revision": revision}
    body |= {"hints": list(hints), "open_s": open_s}
    entry = chain.append(session, place.key, stream_of(study, number), f"reader {number}", "answer", body)
    session.execute(
        insert(AnswerRow).values(
            study=study,
            reader=number,
            period=answer.period,
            position=answer.position,
            step=answer.step,
            revision=revision,
            client_key=answer.client_key,
            entry=entry.position,
        )
    )
    return entry


def _advance(
    session: Session,
    place: Place,
    protocol: Protocol,
    number: int,
    reader: Any,
    slot: Any,
    slots: list[Any],
    entry: chain.Entry,
    answer: Answer,
) -> None:
    """Move the reader on: to the second step, the next case, the next period or the end."""
    study, now = protocol.study.id, time.time()
    change: dict[str, Any] = {"last_at": now, "active_s": ReaderRow.active_s + answer.active_s}
    if slot.arm == "sequential" and answer.step == 0:
        change["step"] = 1
    elif len(slots) == 2:
        change |= {"position": answer.position + 1, "step": 0}
        _open(session, study, number, answer.period, answer.position + 1, now)
    else:
        change |= {"position": 0, "step": 0, "period": answer.period + 1}
        last = answer.period + 1 == len(reader.sequence)
        change |= {"state": "finished"} if last else {"opens_at": now + 86400 * protocol.design.washout_days}
        # The head in the study's log ties the reader's log down: its end cannot be cut off later.
        body = {"reader": number, "period": answer.period, "head": [entry.position, entry.signature]}
        chain.append(session, place.key, stream_of(study), f"reader {number}", "period finished", body)
    session.execute(update(ReaderRow).where(ReaderRow.study == study, ReaderRow.number == number).values(**change))
    session.execute(delete(DraftRow).where(DraftRow.study == study, DraftRow.reader == number))


def _open(session: Session, study: str, number: int, period: int, position: int, now: float) -> None:
    session.execute(
        update(SlotRow)
        .where(
            SlotRow.study == study,
            SlotRow.reader == number,
            SlotRow.period == period,
            SlotRow.position == position,
            SlotRow.opened_at.is_(None),
        )
        .values(opened_at=now)
    )
