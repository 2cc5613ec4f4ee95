"""Finds whatever was changed in a study after the fact, through usnet or straight in the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.readers.enrolment import order_digest, order_of, profile_of
from usnet.readers.order import VERSION
from usnet.readers.place import Place, protocol_of, stream_of, study_row
from usnet.readers.protocol import Protocol
from usnet.readers.start import digest_of, rows_of
from usnet.readers.tables import AnswerRow, CaseRow, FindingRow, ReaderRow, SlotRow, StudyRow, TruthRow
from usnet.store import chain
from usnet.store.chain import Entry
from usnet.store.database import reading


def verify(place: Place, study: str, *, expected: tuple[int, str] | None = None) -> list[str]:
    """What is wrong with a study, in words; empty where nothing is. ``expected`` is the study log's head kept elsewhere.

    Checked: every row of every log against its signature; protocol, cases, truth, the model's readings and images against the
    hashes signed at the start; profiles and orders against the enrolments; keys of answers against the answers; every reader's
    log against the heads noted when his periods were finished.
    """
    with reading(place.engine) as session:
        row = study_row(session, study)
        faults = chain.verify(session, place.key, stream_of(study), expected=expected)
        log = list(chain.read(session, stream_of(study)))
        faults += _frozen(session, place, row, log)
        enrolled = {int(e.body["number"]): e.body for e in log if e.action == "enrol"}
        known = {r.number: r for r in session.scalars(select(ReaderRow).where(ReaderRow.study == study))}
        invited = {number for e in log if e.action == "invite" for number in e.body["readers"]}
        faults += [f"reader {n}: was invited and is gone" for n in sorted(invited - set(known))]
        faults += [f"reader {n}: was never invited" for n in sorted(set(known) - invited)]
        excluded = {int(e.body["reader"]) for e in log if e.action == "exclude"}
        for number, reader in sorted(known.items()):
            if (reader.state == "excluded") != (number in excluded):
                faults.append(f"reader {number}: exclusion and log do not agree")
            faults += chain.verify(session, place.key, stream_of(study, number))
            faults += _reader(session, reader, enrolled.get(number), log)
        if (row.state == "ended") != any(e.action == "end" for e in log):
            faults.append("the study's end and its log do not agree")
    return faults


def replay(place: Place, study: str) -> tuple[int, list[str]]:
    """Compute every reader's arms and order anew from the protocol's seed; rows compared, and what differs.

    Raises
    ------
    StudyError
        No such study.
    """
    with reading(place.engine) as session:
        row = study_row(session, study)
        protocol, cases = protocol_of(row), rows_of(session, CaseRow, study)
        if row.order_version != VERSION:
            return 0, [f"ordered by {row.order_version}, this usnet knows {VERSION}"]
        count, faults = 0, list[str]()
        readers = session.scalars(
            select(ReaderRow)
            .where(ReaderRow.study == study, ReaderRow.sequence.is_not(None))
            .order_by(ReaderRow.number)
        ).all()
        for reader in readers:
            stored = _slots(session, study, reader.number)
            count += len(stored)
            faults += _replayed(protocol, cases, reader, stored)
    return count, faults


def _replayed(
    protocol: Protocol, cases: list[dict[str, Any]], reader: ReaderRow, stored: list[dict[str, Any]]
) -> Iterator[str]:
    from usnet.readers.allocation import sequence_of

    sequence = "".join(map(str, sequence_of(protocol, str(reader.level), int(reader.place or 0))))
    if sequence != reader.sequence:
        yield f"reader {reader.number}: arms {reader.sequence}, replayed {sequence}"
    fresh = order_of(protocol, cases, reader.number, sequence)
    different = [i for i, (a, b) in enumerate(zip(fresh, stored, strict=False)) if a != b]
    if different or len(fresh) != len(stored):
        where = f"row {different[0]}" if different else f"{len(stored)} rows, replayed {len(fresh)}"
        yield f"reader {reader.number}: the stored order is not what the seed gives ({where})"


def _frozen(session: Session, place: Place, row: StudyRow, log: list[Entry]) -> Iterator[str]:
    if not log or log[0].action != "start":
        yield "the log does not begin with the start"
        return
    start = log[0].body
    if protocol_of(row).sha256() != start["protocol_sha256"] or row.protocol_sha256 != start["protocol_sha256"]:
        yield "the protocol is not the one that the study started with"
    tables = [rows_of(session, table, row.id) for table in (CaseRow, TruthRow, FindingRow)]
    if digest_of(*tables) != start["cases_sha256"] or row.cases_sha256 != start["cases_sha256"]:
        yield "cases, truth or the model's readings are not those that the study started with"
    for case in tables[0]:
        if not _intact(place, case["image"]):
            yield f"the image of case {case['name']} is missing or changed"


def _intact(place: Place, sha256: str) -> bool:
    import hashlib

    path = place.blobs.path(sha256)
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _reader(session: Session, reader: ReaderRow, enrolled: dict[str, Any] | None, log: list[Entry]) -> Iterator[str]:
    study, number = reader.study, reader.number
    who = f"reader {number}"
    slots = _slots(session, study, number)
    if enrolled is None:
        if slots or reader.sequence is not None:
            yield f"{who}: has an order and never enrolled"
        return
    if profile_of(reader) != {k: v for k, v in enrolled.items() if k != "order_sha256"}:
        yield f"{who}: the profile is not the one that was signed"
    if order_digest(slots) != enrolled["order_sha256"]:
        yield f"{who}: the order of reading is not the one that was signed"
    entries = {e.position: e for e in chain.read(session, stream_of(study, number))}
    yield from _answers(session, reader, entries)
    for e in log:
        if e.action == "period finished" and int(e.body["reader"]) == number:
            position, signature = e.body["head"]
            if position not in entries or entries[position].signature != signature:
                yield f"{who}: the log lacks the row with which period {e.body['period'] + 1} was finished"


def _answers(session: Session, reader: ReaderRow, entries: dict[int, Entry]) -> Iterator[str]:
    keys = ("period", "position", "step", "revision", "client_key")
    logged = {p: tuple(e.body[k] for k in keys) for p, e in entries.items() if e.action == "answer"}
    rows = session.scalars(
        select(AnswerRow).where(AnswerRow.study == reader.study, AnswerRow.reader == reader.number)
    ).all()
    kept = {r.entry: tuple(getattr(r, k) for k in keys) for r in rows}
    if kept != logged or len(rows) != len(kept):
        yield f"reader {reader.number}: {len(rows)} keys of answers, {len(logged)} answers in the log; they differ"
    first = {values[:3] for values in logged.values()}
    if len(first) != sum(values[3] == 0 for values in logged.values()):
        yield f"reader {reader.number}: a case was answered twice"


def _slots(session: Session, study: str, number: int) -> list[dict[str, Any]]:
    query = (
        select(SlotRow.period, SlotRow.position, SlotRow.name, SlotRow.use, SlotRow.arm)
        .where(SlotRow.study == study, SlotRow.reader == number)
        .order_by(SlotRow.period, SlotRow.position)
    )
    names = ("period", "position", "name", "use", "arm")
    return [dict(zip(names, row, strict=True)) for row in session.execute(query)]
