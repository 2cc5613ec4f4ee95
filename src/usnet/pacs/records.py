"""The node's memory of what it received: every change is one transaction, safe to repeat after a crash."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from usnet.pacs.spool import Spool
from usnet.pacs.tables import InstanceRow, ResultRow, StudyRow
from usnet.store import jobs
from usnet.store.database import reading, writing
from usnet.store.tables import JobRow

STUDY_JOB = "pacs.study"
_ENDED = ("answered", "failed")


@dataclass(frozen=True, slots=True)
class Received:
    """An object as its sender announced it, its bytes being in the spool."""

    sha256: str
    size: int
    sop_instance_uid: str
    sop_class_uid: str
    sender: str


@dataclass(frozen=True, slots=True)
class Header:
    """What sorting reads of an object."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str


def receive(engine: Engine, one: Received, *, attempts: int = 5) -> None:
    """Note an object; returns when that is on disk.

    An object that ended already is taken up anew: its results are looked for in the archive and sent again if they are not there.
    """
    try:
        _receive(engine, one, attempts)
    except IntegrityError:  # PostgreSQL: somebody else noted the same bytes between our look and our insert
        _receive(engine, one, attempts)


def _receive(engine: Engine, one: Received, attempts: int) -> None:
    with writing(engine) as session:
        row = session.scalar(select(InstanceRow).where(InstanceRow.sha256 == one.sha256).with_for_update())
        if row is None:
            row = InstanceRow(
                sha256=one.sha256,
                sop_instance_uid=one.sop_instance_uid,
                sop_class_uid=one.sop_class_uid,
                size=one.size,
                sender=one.sender[:64],
                received_at=time.time(),
                state="new",
                stored=True,
            )
            session.add(row)
        elif row.state in _ENDED:
            row.state, row.round, row.reason = "new", None, None
        elif row.round is not None:
            jobs.revive(
                session, STUDY_JOB, f"{row.study_uid}#{row.round}", most_attempts=attempts
            )  # if it was given up
        row.stored = True


def unsorted(engine: Engine, limit: int = 100) -> list[tuple[int, str]]:
    """(id, sha256) of objects whose header has not been read, the oldest first."""
    query = select(InstanceRow.id, InstanceRow.sha256).where(InstanceRow.state == "new").order_by(InstanceRow.id)
    with reading(engine) as session:
        return [(row.id, row.sha256) for row in session.execute(query.limit(limit))]


def sort(engine: Engine, found: list[tuple[int, Header | str]]) -> None:
    """Put objects to their studies; one whose header is a text instead has failed for that reason.

    An object that the node made itself (an archive may send it back) has failed too, so that results are never diagnosed.
    """
    with writing(engine) as session:
        for instance, header in found:
            row = session.get(InstanceRow, instance)
            if row is None or row.state != "new":
                continue
            if not isinstance(header, str) and session.get(ResultRow, header.sop_instance_uid) is not None:
                header = "it is one of this node's own results, which are never diagnosed"
            if isinstance(header, str):
                row.state, row.reason = "failed", header
                continue
            row.state, row.study_uid, row.series_uid = "sorted", header.study_uid, header.series_uid
            row.round, row.sop_instance_uid = None, header.sop_instance_uid
            _reopen(session, header.study_uid)


def _reopen(session: Session, study_uid: str) -> None:
    study = session.get(StudyRow, study_uid)
    if study is None:
        session.add(StudyRow(study_uid=study_uid, last_at=time.time(), round=0, open=True))
        session.flush()
    else:
        study.last_at, study.open = time.time(), True


def close_quiet(engine: Engine, quiet_seconds: float, attempts: int) -> int:
    """Make a job of each study that got nothing for so long; returns how many."""
    due = time.time() - quiet_seconds
    with reading(engine) as session:
        if session.scalar(select(StudyRow.study_uid).where(StudyRow.open, StudyRow.last_at <= due).limit(1)) is None:
            return 0
    with writing(engine) as session:
        query = select(StudyRow).where(StudyRow.open, StudyRow.last_at <= due).limit(200).with_for_update()
        studies = session.scalars(query).all()
        for study in studies:
            study.open, study.round = False, study.round + 1
            session.execute(
                update(InstanceRow)
                .where(
                    InstanceRow.study_uid == study.study_uid,
                    InstanceRow.state == "sorted",
                    InstanceRow.round.is_(None),
                )
                .values(round=study.round)
            )
            key = f"{study.study_uid}#{study.round}"
            payload = {"study": study.study_uid, "round": study.round}
            jobs.submit(session, STUDY_JOB, key, payload, most_attempts=attempts)
        return len(studies)


def in_round(engine: Engine, study_uid: str, number: int) -> list[InstanceRow]:
    """Objects of one job, in the order in which they came."""
    query = select(InstanceRow).where(InstanceRow.study_uid == study_uid, InstanceRow.round == number)
    with reading(engine) as session:
        return list(session.scalars(query.order_by(InstanceRow.id)))


def results_of(engine: Engine, instances: list[int]) -> list[ResultRow]:
    """Results that were made for these objects."""
    query = select(ResultRow).where(ResultRow.instance_id.in_(instances)).order_by(ResultRow.sop_instance_uid)
    with reading(engine) as session:
        return list(session.scalars(query))


def save_results(engine: Engine, instance: int, results: list[ResultRow]) -> None:
    """Note what was made for an object."""
    with writing(engine) as session:
        for result in results:
            session.merge(result)
        session.execute(update(InstanceRow).where(InstanceRow.id == instance).values(reason=None))


def fail_instance(engine: Engine, instance: int, reason: str) -> None:
    """An object cannot be diagnosed: a dead letter of its own."""
    with writing(engine) as session:
        session.execute(
            update(InstanceRow).where(InstanceRow.id == instance).values(state="failed", reason=reason[:2000])
        )


def verified(engine: Engine, uids: list[str], instances: list[int]) -> None:
    """The archive has these results, and with them these objects are answered."""
    with writing(engine) as session:
        session.execute(update(ResultRow).where(ResultRow.sop_instance_uid.in_(uids)).values(verified_at=time.time()))
        session.execute(
            update(InstanceRow)
            .where(InstanceRow.id.in_(instances), InstanceRow.state == "sorted")
            .values(state="answered", reason=None)
        )


def prune(engine: Engine, spool: Spool, older_than: float, limit: int = 200) -> int:
    """Remove the bytes of answered objects and of their results; the notes about them stay. Returns how many objects.

    The files go within the transaction: whoever receives the same object meanwhile waits, then finds them gone and writes again.
    """
    with writing(engine) as session:
        query = (
            select(InstanceRow)
            .where(InstanceRow.state == "answered", InstanceRow.stored, InstanceRow.received_at < older_than)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = session.scalars(query).all()
        for row in rows:
            row.stored = False
            spool.blobs.remove(row.sha256)
            for result in session.scalars(select(ResultRow).where(ResultRow.instance_id == row.id, ResultRow.stored)):
                result.stored = False
                spool.blobs.remove(result.sha256)
        return len(rows)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that was given up: a study (``what`` is its UID) or one object (its SOP Instance UID), and why."""

    kind: str
    what: str
    reason: str
    id: int


def dead_letters(engine: Engine) -> list[DeadLetter]:
    """Everything that was given up and not been taken up again."""
    with reading(engine) as session:
        studies = [
            DeadLetter("study", str(job.payload["study"]), job.reason or "", job.id)
            for job in jobs.find(session, STUDY_JOB, state="dead", limit=100_000)
        ]
        failed = session.scalars(select(InstanceRow).where(InstanceRow.state == "failed").order_by(InstanceRow.id))
        return studies + [DeadLetter("object", row.sop_instance_uid, row.reason or "", row.id) for row in failed]


def counts(engine: Engine) -> dict[str, int]:
    """Objects by state, open studies and jobs by state."""
    with reading(engine) as session:
        query = select(InstanceRow.state, func.count()).group_by(InstanceRow.state)
        found = {state: number for state, number in session.execute(query)}  # noqa: C416
        states = {f"objects {name}": found.get(name, 0) for name in ("new", "sorted", "answered", "failed")}
        states["studies open"] = session.scalar(select(func.count()).where(StudyRow.open)) or 0
        work = {f"jobs {name}": number for name, number in jobs.counts(session, STUDY_JOB).items()}
        return states | work


def retry(engine: Engine, letter: DeadLetter, attempts: int) -> None:
    """Take up a dead letter again."""
    with writing(engine) as session:
        if letter.kind == "object":
            session.execute(
                update(InstanceRow)
                .where(InstanceRow.id == letter.id, InstanceRow.state == "failed", InstanceRow.stored)
                .values(state="new", round=None, reason=None)
            )
            return
        job = jobs.get(session, letter.id)
        if job is not None:
            jobs.revive(session, STUDY_JOB, job.key, most_attempts=attempts)


def discard(engine: Engine, spool: Spool, letter: DeadLetter) -> None:
    """Give a dead letter up for good: its bytes and the notes about it are removed, for a study those of what still waits in it."""
    with writing(engine) as session:
        if letter.kind == "object":
            wanted = select(InstanceRow).where(InstanceRow.id == letter.id, InstanceRow.state == "failed")
        else:
            job = jobs.get(session, letter.id)
            if job is None or job.state != "dead":
                return
            session.execute(delete(JobRow).where(JobRow.id == job.id))
            wanted = select(InstanceRow).where(
                InstanceRow.study_uid == letter.what,
                InstanceRow.round == job.payload["round"],
                InstanceRow.state == "sorted",
            )
        for row in session.scalars(wanted).all():
            spool.blobs.remove(row.sha256)
            session.execute(delete(ResultRow).where(ResultRow.instance_id == row.id))
            session.delete(row)
