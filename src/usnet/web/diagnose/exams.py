"""Exams: what somebody uploaded, until it is deleted."""

from __future__ import annotations

import shutil
import time

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from usnet.store.database import reading, writing
from usnet.web.guard import audit
from usnet.web.roles import User
from usnet.web.tables import Exam
from usnet.web.workplace import Workplace


def delete_exam(place: Workplace, session: Session, user: User | None, exam: str) -> None:
    """Delete an exam's rows within the caller's transaction, and its folder; the audit log keeps its id."""
    session.execute(delete(Exam).where(Exam.id == exam))
    audit(session, place, user, "exam deleted", exam=exam)
    shutil.rmtree(place.files(exam).folder, ignore_errors=True)


def delete_expired(place: Workplace) -> int:
    """Delete what was kept long enough; returns how many exams."""
    with reading(place.engine) as session:
        old = list(session.scalars(select(Exam.id).where(Exam.expires_at < time.time()).limit(1000)))
    for exam in old:
        with writing(place.engine) as session:
            delete_exam(place, session, None, exam)
    return len(old)
