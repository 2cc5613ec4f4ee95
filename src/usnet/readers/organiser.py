"""What an organiser does to a running study; every act is a row of the study's log, with its reason."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from usnet.readers.place import Place, StudyError, protocol_of, stream_of, study_row
from usnet.readers.tables import AnswerRow, ReaderRow, SlotRow, StudyRow
from usnet.store import chain
from usnet.store.database import reading, writing


@dataclass(frozen=True, slots=True)
class LevelProgress:
    """Readers of a level by state, and answers given of those due. ``level`` is ``-`` for readers who have not told theirs."""

    level: str
    readers: int
    waiting: int
    reading: int
    finished: int
    excluded: int
    answers: int
    due: int


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    """One reader as the organiser sees him: no answer, no score."""

    number: int
    name: str
    email: str
    language: str
    level: str | None
    panel: str | None
    state: str
    answers: int
    due: int
    last_at: float | None
    opens_at: float | None


def studies(session: Session) -> Sequence[StudyRow]:
    """All studies, the newest first."""
    return session.scalars(select(StudyRow).order_by(StudyRow.started_at.desc())).all()


def reader_progress(session: Session, study: str) -> list[ReaderProgress]:
    """Every reader with the number of cases done and due (second steps and revisions do not count)."""
    done_query = select(AnswerRow.reader, func.count()).where(
        AnswerRow.study == study, AnswerRow.step == 0, AnswerRow.revision == 0
    )
    done = dict(session.execute(done_query.group_by(AnswerRow.reader)).all())
    due_query = select(SlotRow.reader, func.count()).where(SlotRow.study == study)
    due = dict(session.execute(due_query.group_by(SlotRow.reader)).all())
    rows = session.scalars(select(ReaderRow).where(ReaderRow.study == study).order_by(ReaderRow.number))
    return [
        ReaderProgress(
            r.number,
            r.name,
            r.email,
            r.language,
            r.level,
            r.panel,
            r.state,
            done.get(r.number, 0),
            due.get(r.number, 0),
            r.last_at,
            r.opens_at,
        )
        for r in rows
    ]


def progress(session: Session, study: str) -> list[LevelProgress]:
    """Live counts by level, in the protocol's order; readers who have not enrolled last."""
    protocol = protocol_of(study_row(session, study))
    readers = reader_progress(session, study)
    found = []
    for level in (*(one.name for one in protocol.levels), None):
        own = [r for r in readers if r.level == level]
        if not own and level is None:
            continue
        found.append(_of_level(level or "-", own))
    return found


def _of_level(level: str, own: Sequence[ReaderProgress]) -> LevelProgress:
    states = [r.state for r in own]
    return LevelProgress(
        level,
        len(own),
        states.count("invited") + states.count("consented"),
        states.count("reading"),
        states.count("finished"),
        states.count("excluded"),
        sum(r.answers for r in own),
        sum(r.due for r in own),
    )


def pause(place: Place, study: str, actor: str, reason: str) -> None:
    """Take no answers until :func:`resume`."""
    _change(place, study, actor, reason, "pause", ("running",), "paused")


def resume(place: Place, study: str, actor: str, reason: str = "") -> None:
    """Go on after a pause."""
    _change(place, study, actor, reason or "-", "resume", ("paused",), "running")


def end(place: Place, study: str, actor: str, reason: str) -> None:
    """End the reading for good: from here results may be looked at without a note in the log."""
    _change(place, study, actor, reason, "end", ("running", "paused"), "ended")


def extend(place: Place, study: str, actor: str, closes_at: float | None, reason: str) -> None:
    """Set the time (seconds since 1970) at which reading closes by itself; ``None`` for no such time."""
    with writing(place.engine) as session:
        row = _reasoned(session, study, reason)
        if row.state == "ended":
            raise StudyError(f"study {study!r} has ended")
        row.closes_at = closes_at
        chain.append(
            session, place.key, stream_of(study), actor, "extend", {"closes_at": closes_at, "reason": reason.strip()}
        )


def exclude(place: Place, study: str, number: int, actor: str, reason: str) -> None:
    """Take a reader out: no more answers, and none counts in the analysis, which says how many were excluded and why."""
    with writing(place.engine) as session:
        _reasoned(session, study, reason)
        reader = _reader(session, study, number)
        if reader.state == "excluded":
            raise StudyError(f"reader {number} is excluded already: {reader.reason}")
        body = {"reader": number, "was": reader.state, "reason": reason.strip()}
        reader.state, reader.reason = "excluded", reason.strip()
        chain.append(session, place.key, stream_of(study), actor, "exclude", body)


def waive_washout(place: Place, study: str, number: int, actor: str, reason: str) -> None:
    """Open a reader's next period before the washout has passed."""
    with writing(place.engine) as session:
        _reasoned(session, study, reason)
        reader = _reader(session, study, number)
        if reader.opens_at is None or reader.opens_at <= time.time():
            raise StudyError(f"reader {number} is not waiting for a period")
        body = {"reader": number, "opens_at": reader.opens_at, "reason": reason.strip()}
        reader.opens_at = None
        chain.append(session, place.key, stream_of(study), actor, "waive washout", body)


def over(row: StudyRow, session: Session) -> bool:
    """Whether the protocol's end is reached: ended, closed, or every reader who enrolled has finished or was excluded."""
    if row.state == "ended" or (row.closes_at is not None and time.time() > row.closes_at):
        return True
    states = set(session.scalars(select(ReaderRow.state).where(ReaderRow.study == row.id).distinct()))
    return bool(states) and states <= {"finished", "excluded"}


def look(place: Place, study: str, actor: str, reason: str | None) -> bool:
    """Note that results are looked at. Before the end that needs a reason and is logged as peeking; returns whether it was that.

    Raises
    ------
    StudyError
        The study is not over and no reason was given.
    """
    with writing(place.engine) as session:
        row = study_row(session, study)
        early = not over(row, session)
        if early and not (reason or "").strip():
            raise StudyError(
                f"study {study!r} is not over",
                hint="Results seen early may bend a study. Give a reason, and the look is noted in the log",
            )
        action = "peek" if early else "analyse"
        chain.append(session, place.key, stream_of(study), actor, action, {"reason": (reason or "").strip()})
        return early


def history(place: Place, study: str) -> list[chain.Entry]:
    """The study's log."""
    with reading(place.engine) as session:
        study_row(session, study)
        return list(chain.read(session, stream_of(study)))


def _change(
    place: Place, study: str, actor: str, reason: str, action: str, before: tuple[str, ...], after: str
) -> None:
    with writing(place.engine) as session:
        row = _reasoned(session, study, reason)
        if row.state not in before:
            raise StudyError(f"study {study!r} is {row.state}", expected=" or ".join(before))
        row.state = after
        chain.append(session, place.key, stream_of(study), actor, action, {"reason": reason.strip()})


def _reasoned(session: Session, study: str, reason: str) -> StudyRow:
    if not reason.strip():
        raise StudyError("no reason given", hint="It is noted in the study's log")
    return study_row(session, study)


def _reader(session: Session, study: str, number: int) -> ReaderRow:
    row = session.get(ReaderRow, (study, number))
    if row is None:
        raise StudyError(f"no reader {number} in study {study!r}")
    return row
