"""Committing an answer: once, in the signed log, and only to the case that is open."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from usnet.readers.answer import Answer, AnswerRefused, check
from usnet.readers.place import Place, StudyError, stream_of
from usnet.readers.protocol import Protocol
from usnet.readers.tables import AnswerRow, CaseRow, ReaderRow, SlotRow, StudyRow
from usnet.store import chain
from usnet.store.tables import table_of


@dataclass(frozen=True, slots=True)
class Receipt:
    """``entry`` is the answer's row in the reader's log. ``again``: it had been committed before, by the same key. ``after`` is the
    case that follows in the same period, where there is one: position, name, use, arm, image, width, height."""

    entry: int
    again: bool
    use: str
    case: str
    period: int
    step: int
    arm: str = ""
    after: Any = None

    @property
    def last_step(self) -> bool:
        """Whether the case is answered in full; between the two steps of a sequential reading it is not."""
        return self.arm != "sequential" or self.step == 1


class Conflict(AnswerRefused):
    """The case is answered, or is not the one that is open: the page must show the present state."""


# Statements are built once: putting one together takes longer than running it.
_R, _S, _C, _A, _T = (table_of(kind).c for kind in (ReaderRow, SlotRow, CaseRow, AnswerRow, StudyRow))
_READER = (
    select(
        _R.state,
        _R.period,
        _R.position,
        _R.step,
        _R.opens_at,
        _R.opened_at,
        _R.sequence,
        _T.state.label("study_state"),
        _T.closes_at,
    )
    .where(_R.study == bindparam("study"), _R.number == bindparam("number"), _T.id == _R.study)
    .with_for_update(of=table_of(ReaderRow))
)
_SLOTS = (
    select(_S.position, _S.name, _S.use, _S.arm, _C.image, _C.width, _C.height)
    .where(
        _S.study == bindparam("study"),
        _S.reader == bindparam("number"),
        _S.period == bindparam("period"),
        _S.position.between(bindparam("position"), bindparam("position") + 1),
        _C.study == _S.study,
        _C.name == _S.name,
    )
    .order_by(_S.position)
)
_BEFORE = select(_A.entry, _S.use, _S.name, _S.arm).where(
    _A.study == bindparam("study"),
    _A.reader == bindparam("number"),
    _A.client_key == bindparam("key"),
    _S.study == _A.study,
    _S.reader == _A.reader,
    _S.period == _A.period,
    _S.position == _A.position,
)
_REVISIONS = select(_A.revision).where(
    _A.study == bindparam("study"),
    _A.reader == bindparam("number"),
    _A.period == bindparam("period"),
    _A.position == bindparam("position"),
    _A.step == bindparam("step"),
)
_ANSWER = insert(table_of(AnswerRow))
_MOVE = (
    update(table_of(ReaderRow))
    .where(_R.study == bindparam("of"), _R.number == bindparam("who"))
    .values(
        **{name: bindparam(f"to_{name}") for name in ("state", "period", "position", "step", "opens_at", "opened_at")},
        last_at=bindparam("now"),
    )
)


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
    study, connection = protocol.study.id, session.connection()
    reader: Any = connection.execute(_READER, {"study": study, "number": number}).one_or_none()
    if reader is None:
        raise StudyError(f"no reader {number} in study {study!r}")
    here, there = (answer.period, answer.position, answer.step), (reader.period, reader.position, reader.step)
    revising = False
    if here != there or reader.state != "reading":
        row = connection.execute(_BEFORE, {"study": study, "number": number, "key": answer.client_key}).one_or_none()
        if row is not None:
            return Receipt(row.entry, True, row.use, row.name, answer.period, answer.step, row.arm)
        revising = protocol.reading.return_allowed and answer.period == reader.period and here < there
    refuse(reader, (reader.period, reader.position, reader.step), revising, here)
    keys = {"study": study, "number": number, "period": answer.period, "position": answer.position}
    slots: list[Any] = list(connection.execute(_SLOTS, keys))
    if not slots or slots[0].position != answer.position:
        raise Conflict(f"no case at {here}")
    slot, after = slots[0], slots[1] if len(slots) == 2 else None
    if revising and slot.arm == "sequential":
        raise Conflict("a sequential answer is final once the findings were shown")
    hints = check(answer, protocol.questions, slot.width, slot.height)
    revision = 0
    if revising:
        revision = 1 + max(connection.scalars(_REVISIONS, keys | {"step": answer.step}), default=-1)
    body = answer_body(answer, slot, revision, hints, None if revising else reader.opened_at)
    entry = chain.append(session, place.key, stream_of(study, number), f"reader {number}", "answer", body)
    connection.execute(_ANSWER, answer_row(study, number, answer, revision, entry.position))
    if not revising:
        _advance(session, place, protocol, number, reader, slot, after, entry, answer)
    return Receipt(
        entry.position,
        False,
        slot.use,
        slot.name,
        answer.period,
        answer.step,
        slot.arm,
        None if revising else after,
    )


def refuse(reader: Any, there: tuple[int, int, int], revising: bool, here: tuple[int, int, int] | None = None) -> None:
    """Raise what keeps a reader, who is at ``there``, from answering ``here`` (``None``: at the same place)."""
    now = time.time()
    if reader.state != "reading":
        raise StudyError(f"reader is {reader.state}")
    if reader.study_state != "running" or (reader.closes_at is not None and now > reader.closes_at):
        raise StudyError(f"the study is {'closed' if reader.study_state == 'running' else reader.study_state}")
    if reader.opens_at is not None and now < reader.opens_at:
        raise StudyError("the next period is not open yet")
    if here is not None and not revising and here != there:
        raise Conflict(
            "this case is answered, and a committed answer is final" if here < there else "this case is not open"
        )


def answer_body(
    answer: Answer, slot: Any, revision: int, hints: tuple[str, ...], opened: float | None
) -> dict[str, Any]:
    """What is signed of an answer."""
    body = answer.model_dump(mode="json", exclude={"touched"})
    open_s = None if opened is None else round(time.time() - opened, 3)
    body |= {"case": slot.name, "use": slot.use, "arm": slot.arm, "revision": revision}
    return body | {"hints": list(hints), "open_s": open_s}


def answer_row(study: str, number: int, answer: Answer, revision: int, entry: int) -> dict[str, Any]:
    """The keys of an answer."""
    row = {"study": study, "reader": number, "revision": revision, "entry": entry}
    return row | {name: getattr(answer, name) for name in ("period", "position", "step", "client_key")}


def _advance(
    session: Session,
    place: Place,
    protocol: Protocol,
    number: int,
    reader: Any,
    slot: Any,
    after: Any,
    entry: chain.Entry,
    answer: Answer,
) -> None:
    """Move the reader on: to the second step, the next case, the next period or the end."""
    study, now = protocol.study.id, time.time()
    to: dict[str, Any] = {"state": "reading", "period": answer.period, "position": answer.position, "step": 0}
    to |= {"opens_at": reader.opens_at, "opened_at": now}
    if slot.arm == "sequential" and answer.step == 0:
        to["step"] = 1
    elif after is not None:
        to["position"] += 1
    else:
        last = answer.period + 1 == len(reader.sequence)
        opens = None if last else now + 86400 * protocol.design.washout_days
        to |= {"state": "finished" if last else "reading", "period": answer.period + 1, "position": 0}
        to |= {"opens_at": opens, "opened_at": None}
        # The head in the study's log ties the reader's log down: its end cannot be cut off later.
        body = {"reader": number, "period": answer.period, "head": [entry.position, entry.signature]}
        chain.append(session, place.key, stream_of(study), f"reader {number}", "period finished", body)
    _move(session.connection(), study, number, to, now)


def _move(connection: Connection, study: str, number: int, to: dict[str, Any], now: float) -> None:
    values = {f"to_{name}": value for name, value in to.items()}
    connection.execute(_MOVE, values | {"of": study, "who": number, "now": now})
