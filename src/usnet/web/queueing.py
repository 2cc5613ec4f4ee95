"""Jobs of the workplace: a bounded queue that says no instead of growing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from usnet.errors import UsnetError
from usnet.store import jobs
from usnet.store.jobs import Job
from usnet.store.tables import JobRow
from usnet.web.workplace import Workplace

SECONDS_A_JOB = 2


class QueueFull(UsnetError):
    """The queue is as long as the server lets it grow; the answer is 429 with ``retry_after`` seconds."""

    def __init__(self, waiting: int, workers: int) -> None:
        self.retry_after = max(1, waiting * SECONDS_A_JOB // max(1, workers))
        super().__init__(f"{waiting} jobs are waiting already", hint=f"Try again in {self.retry_after} seconds")


def submit_job(session: Session, place: Workplace, kind: str, key: str, payload: dict[str, Any]) -> Job:
    """Add a job within the caller's :func:`~usnet.store.database.writing` transaction.

    Raises
    ------
    QueueFull
        Too many jobs wait or run.
    """
    check_room(session, place)
    return jobs.submit(session, kind, key, payload, most_attempts=3)


def check_room(session: Session, place: Workplace) -> None:
    """Raise :class:`QueueFull` where a job would be refused: ask before a long upload."""
    waiting = pending(session)
    if waiting >= place.settings.queue_limit:
        raise QueueFull(waiting, place.settings.workers)


def pending(session: Session) -> int:
    """Jobs that wait or run."""
    query = select(func.count()).select_from(JobRow).where(JobRow.state.in_(("queued", "running")))
    return session.scalar(query) or 0
