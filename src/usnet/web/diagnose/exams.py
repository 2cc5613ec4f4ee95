"""Exams: what somebody uploaded, from the first file until it is deleted."""

from __future__ import annotations

import shutil
import time
import uuid

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from usnet.errors import DataError
from usnet.store.database import reading, writing
from usnet.store.jobs import Job
from usnet.store.tables import JobRow
from usnet.web.diagnose.anyway import ANYWAY
from usnet.web.guard import audit, owned
from usnet.web.queueing import check_room, submit_job
from usnet.web.roles import User
from usnet.web.tables import Exam, ExamFile, View
from usnet.web.workplace import Workplace

MOST_FILES = 200
DIAGNOSE, SCORE, REPORT = "diagnose", "score-box", "report"
KINDS = (DIAGNOSE, SCORE, REPORT, ANYWAY)


def create(place: Workplace, session: Session, user: User) -> Exam:
    """A new exam without files, within the caller's transaction.

    Raises
    ------
    QueueFull
        Its job would be refused: better told before the upload than after.
    """
    check_room(session, place)
    now, days = time.time(), place.settings.retention_days
    exam = Exam(
        id=uuid.uuid4().hex,
        owner=user.id,
        title="",
        state="open",
        reason=None,
        done=0,
        total=None,
        created_at=now,
        expires_at=None if days is None else now + 86400 * days,
    )
    session.add(exam)
    session.flush()
    audit(session, place, user, "exam made", exam=exam.id)
    return exam


def exam_of(session: Session, user: User, exam: str) -> Exam:
    """An exam that the user may see; 404 otherwise."""
    row = session.get(Exam, exam)
    owned(user, row.owner if row else None)
    if row is None:
        raise LookupError(exam)
    return row


def view_of(session: Session, user: User, exam: str, view: str) -> View:
    """A view of an exam that the user may see; 404 otherwise."""
    exam_of(session, user, exam)
    row = session.get(View, view)
    owned(user, user.id if row is not None and row.exam == exam else None)
    if row is None:
        raise LookupError(view)
    return row


def add_file(session: Session, exam: Exam, name: str, sha256: str, size: int) -> None:
    """Note a file that lies in the exam's folder, within the caller's transaction.

    Raises
    ------
    DataError
        The exam has been started, or has as many files as it may.
    """
    if exam.state != "open":
        raise DataError("this exam has been started", hint="Make a new one for more files")
    count = session.scalar(select(func.count()).select_from(ExamFile).where(ExamFile.exam == exam.id)) or 0
    if count >= MOST_FILES:
        raise DataError(f"{count} files", expected=f"at most {MOST_FILES} an exam", hint="Send a zip, or several exams")
    session.add(ExamFile(exam=exam.id, position=count, name=name, sha256=sha256, size=size))
    exam.title = name if count == 0 else f"{exam.title.partition(' +')[0]} +{count}"


def start(place: Workplace, session: Session, user: User, exam: Exam, *, gate: bool = True) -> Job:
    """Queue an exam's job within the caller's transaction; asking twice gives the same job. Without the ``gate``, what is no
    B-mode breast ultrasound is read too, with a warning.

    Raises
    ------
    DataError
        It has no file.
    QueueFull
        Too many jobs wait.
    """
    if session.scalar(select(ExamFile.id).where(ExamFile.exam == exam.id).limit(1)) is None:
        raise DataError("an exam without files", hint="Add an image first")
    job = submit_job(session, place, DIAGNOSE, exam.id, {"exam": exam.id, "gate": gate})
    if exam.state == "open":
        exam.state = "queued"
        audit(session, place, user, "exam started", exam=exam.id, gate=gate)
    return job


def recent(session: Session, user: User, *, limit: int = 100) -> list[Exam]:
    """Exams that the user may see, the newest first."""
    query = select(Exam).where(Exam.state != "open").order_by(Exam.created_at.desc()).limit(limit)
    return list(session.scalars(query if user.is_administrator else query.where(Exam.owner == user.id)))


def state_of(session: Session, exam: Exam) -> tuple[str, str | None]:
    """State and reason, looking at the job too: one whose workers died for good marks no exam."""
    if exam.state in ("queued", "running"):
        mine = JobRow.kind.in_((DIAGNOSE, ANYWAY)) & JobRow.key.startswith(exam.id)
        rows = session.execute(select(JobRow.state, JobRow.reason).where(mine).order_by(JobRow.id)).all()
        if rows and all(row.state in ("dead", "done") for row in rows):
            found = session.scalar(select(View.id).where(View.exam == exam.id, View.frames > 0).limit(1))
            dead = [row.reason for row in rows if row.state == "dead"]
            return ("done", None) if found else ("failed", dead[-1] if dead else None)
    return exam.state, exam.reason


def progress(place: Workplace, exam: str, done: int, total: int | None) -> bool:
    """Note how far a job is; false where the exam is gone."""
    with writing(place.engine) as session:
        query = update(Exam).where(Exam.id == exam).values(state="running", done=done, total=total).returning(Exam.id)
        return session.execute(query).first() is not None


def delete_exam(place: Workplace, session: Session, user: User | None, exam: str) -> None:
    """Delete an exam's rows and jobs within the caller's transaction, and its folder; the audit log keeps its id."""
    session.execute(delete(JobRow).where(JobRow.kind.in_(KINDS), JobRow.key.startswith(exam)))
    session.execute(delete(Exam).where(Exam.id == exam))
    audit(session, place, user, "exam deleted", exam=exam)
    shutil.rmtree(place.files(exam).folder, ignore_errors=True)


def delete_expired(place: Workplace) -> int:
    """Delete what was kept long enough, and uploads that nobody finished within a day; returns how many exams."""
    now = time.time()
    stale = (Exam.state == "open") & (Exam.created_at < now - 86400)
    with reading(place.engine) as session:
        old = list(session.scalars(select(Exam.id).where((Exam.expires_at < now) | stale).limit(1000)))
    for exam in old:
        with writing(place.engine) as session:
            delete_exam(place, session, None, exam)
    return len(old)
