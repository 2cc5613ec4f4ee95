"""Readers of a study: invited by code, consenting, telling who they are, and given their own order of reading."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from usnet.readers.allocation import order_draws, sequence_of
from usnet.readers.levels import level_of
from usnet.readers.order import period_order
from usnet.readers.place import Place, StudyError, protocol_of, stream_of, study_row
from usnet.readers.protocol import Protocol
from usnet.readers.start import items_of, rows_of
from usnet.readers.tables import CaseRow, ReaderRow, SlotRow
from usnet.store import chain
from usnet.store.bulk import add_rows
from usnet.store.database import writing
from usnet.store.tables import Head, table_of

Sex = Literal["female", "male", "other"]
AGE_BANDS = ("< 25", "25-29", "30-34", "35-39", "40-44", "45-49", "50-54", "55-59", "60-64", ">= 65")
LANGUAGES = ("en", "zh")
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to invite; name and address are for reminders alone and are never exported."""

    name: str = ""
    email: str = ""
    language: str = "en"
    panel: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A reader's number and code. The code is known here alone: the database holds its keyed hash."""

    number: int
    code: str
    person: Person


def invite(place: Place, study: str, people: Sequence[Person], actor: str) -> list[Invitation]:
    """Add readers and return their codes.

    Raises
    ------
    StudyError
        No such study or panel.
    """
    with writing(place.engine) as session:
        protocol = protocol_of(study_row(session, study))
        panels = {panel.name: panel for panel in protocol.panels}
        for person in people:
            if person.panel is not None and person.panel not in panels:
                raise StudyError(f"no panel {person.panel!r}", expected=", ".join(panels) or "none in this protocol")
        last = session.scalar(select(func.max(ReaderRow.number)).where(ReaderRow.study == study)) or 0
        made = [Invitation(number, _new_code(), person) for number, person in enumerate(people, last + 1)]
        if made:
            session.execute(insert(ReaderRow), [_row(place, study, one) for one in made])
        body = {"readers": [one.number for one in made], "panels": sorted({p.panel for p in people if p.panel})}
        chain.append(session, place.key, stream_of(study), actor, "invite", body)
    return made


def find_reader(session: Session, place: Place, code: str) -> ReaderRow | None:
    """The reader whom a code belongs to, in whatever case and with whatever dashes it was typed."""
    return session.scalar(select(ReaderRow).where(ReaderRow.code_hash == _code_hash(place, code)))


def consent(place: Place, study: str, number: int, language: str) -> None:
    """Note that a reader agrees to the protocol's text of consent, whose hash is signed with it. Once is enough."""
    with writing(place.engine) as session:
        reader = _locked(session, study, number)
        if reader.state != "invited":
            return
        reader.state, reader.language = "consented", language if language in LANGUAGES else "en"
        text = protocol_of(study_row(session, study)).study.consent
        body = {"text_sha256": hashlib.sha256(text.encode()).hexdigest(), "language": reader.language}
        chain.append(session, place.key, stream_of(study, number), f"reader {number}", "consent", body)


def enrol(place: Place, study: str, number: int, *, years: float, sex: Sex, age_band: str) -> ReaderRow:
    """Take a reader's own words, give a level, an order of arms and an order of cases, stored row by row.

    Enrolling twice changes nothing: the first words stand.

    Raises
    ------
    StudyError
        No consent yet, excluded, or the study is not running.
    ValueError
        ``years`` or ``age_band`` cannot be.
    """
    if age_band not in AGE_BANDS:
        raise ValueError(f"age {age_band[:20]!r}, expected one of {', '.join(AGE_BANDS)}")
    with writing(place.engine) as session:
        reader = _locked(session, study, number)
        if reader.state not in ("invited", "consented"):
            return reader
        row = study_row(session, study)
        if reader.state != "consented" or row.state != "running":
            raise StudyError(f"reader {number} has not consented, or the study is {row.state}")
        protocol = protocol_of(row)
        level = level_of(years, protocol.levels).name
        # Readers of one level queue for the study's head, so that no two get one place in it.
        session.execute(select(Head.position).where(Head.stream == stream_of(study)).with_for_update())
        reader.years, reader.level, reader.sex, reader.age_band = years, level, sex, age_band
        reader.place = _place_in(session, study, level)
        reader.sequence = "".join(map(str, sequence_of(protocol, level, reader.place)))
        reader.state = "reading"
        slots = order_of(protocol, rows_of(session, CaseRow, study), number, reader.sequence)
        session.flush()
        add_rows(session.connection(), table_of(SlotRow), [{"study": study, "reader": number} | s for s in slots])
        body = profile_of(reader) | {"order_sha256": order_digest(slots)}
        chain.append(session, place.key, stream_of(study), f"reader {number}", "enrol", body)
        return reader


def order_of(protocol: Protocol, cases: Sequence[dict[str, Any]], number: int, sequence: str) -> list[dict[str, Any]]:
    """Everything one reader will see: rows of period, position, case, use and arm. Training comes in the first period alone."""
    test, training = items_of(cases, "test"), items_of(cases, "training")
    rows = []
    for period, arm in enumerate(sequence):
        draws = order_draws(protocol, number, period)
        order = period_order(test, training if period == 0 else [], protocol.cases, draws)
        rows += [
            {"period": period, "position": i, "name": s.case, "use": s.use, "arm": protocol.design.arms[int(arm)]}
            for i, s in enumerate(order)
        ]
    return rows


def order_digest(slots: Sequence[dict[str, Any]]) -> str:
    """sha256 of an order of reading."""
    text = json.dumps([[s["period"], s["position"], s["name"], s["use"], s["arm"]] for s in slots])
    return hashlib.sha256(text.encode()).hexdigest()


def profile_of(reader: ReaderRow) -> dict[str, Any]:
    """What is signed about a reader: no name, no address."""
    fields = ("number", "years", "level", "place", "sex", "age_band", "panel", "sequence")
    return {name: getattr(reader, name) for name in fields}


def _place_in(session: Session, study: str, level: str) -> int:
    last = session.scalar(select(func.max(ReaderRow.place)).where(ReaderRow.study == study, ReaderRow.level == level))
    return 0 if last is None else last + 1


def _locked(session: Session, study: str, number: int) -> ReaderRow:
    row = session.scalar(
        select(ReaderRow).where(ReaderRow.study == study, ReaderRow.number == number).with_for_update()
    )
    if row is None:
        raise StudyError(f"no reader {number} in study {study!r}")
    return row


def _new_code() -> str:
    letters = [secrets.choice(_ALPHABET) for _ in range(16)]  # 80 bits
    return "-".join("".join(letters[i : i + 4]) for i in range(0, 16, 4))


def _code_hash(place: Place, code: str) -> str:
    return place.keyed("code", "".join(letter for letter in code.upper() if letter.isalnum()))


def _row(place: Place, study: str, one: Invitation) -> dict[str, Any]:
    person = one.person
    return {
        "study": study,
        "number": one.number,
        "code_hash": _code_hash(place, one.code),
        "name": person.name[:200],
        "email": person.email[:200],
        "language": person.language if person.language in LANGUAGES else "en",
        "account": person.account,
        "panel": person.panel,
        "state": "invited",
        "period": 0,
        "position": 0,
        "step": 0,
    }
