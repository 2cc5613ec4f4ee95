"""Durable jobs: submitted once by their key, claimed under a lease, retried with back-off, dead with a reason.

A worker that dies leaves its lease to run out, and another worker claims the job again: a job runs at least once, so what it does
must be safe to do twice. Several processes, and on PostgreSQL several machines (with clocks that agree to a second), share one
table.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from usnet.store.database import reading, writing
from usnet.store.tables import JobRow

State = Literal["queued", "running", "done", "dead"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its worker and its owner see it. ``available_at`` (seconds since 1970) is when a queued job may start and when a
    running job's lease ends. ``attempts`` counts claims."""

    id: int
    kind: str
    key: str
    state: State
    payload: dict[str, Any]
    result: dict[str, Any] | None
    reason: str | None
    attempts: int
    most_attempts: int
    available_at: float


def submit(
    session: Session, kind: str, key: str, payload: dict[str, Any], *, most_attempts: int = 5, delay: float = 0.0
) -> Job:
    """Add a job in the caller's transaction; a job of this kind and key that exists already is returned as it is."""
    row = session.scalar(select(JobRow).where(JobRow.kind == kind, JobRow.key == key))
    if row is None:
        now = time.time()
        row = JobRow(
            kind=kind,
            key=key,
            state="queued",
            payload=json.dumps(payload),
            attempts=0,
            most_attempts=most_attempts,
            available_at=now + delay,
            created_at=now,
        )
        session.add(row)
        session.flush()
    return _job(row)


def claim(engine: Engine, kinds: list[str], worker: str, *, lease: float = 60.0) -> Job | None:
    """The oldest job of ``kinds`` that may run now, leased to ``worker`` for ``lease`` seconds; ``None`` where there is none.

    A job whose last allowed attempt died with its worker becomes dead here.
    """
    while True:
        now = time.time()
        waiting = (JobRow.state.in_(("queued", "running")), JobRow.available_at <= now, JobRow.kind.in_(kinds))
        with reading(engine) as session:  # idle workers ask often: on SQLite they must not keep those out who write
            if session.scalar(select(JobRow.id).where(*waiting).limit(1)) is None:
                return None
        with writing(engine) as session:
            query = (
                select(JobRow)
                .where(*waiting)
                .order_by(JobRow.available_at, JobRow.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            row = session.scalar(query)
            if row is None:
                return None
            if row.attempts >= row.most_attempts:
                row.state, row.finished_at = "dead", now
                row.reason = row.reason or f"its worker {row.worker} died in attempt {row.attempts}"
                continue
            row.state, row.worker, row.attempts, row.available_at = "running", worker, row.attempts + 1, now + lease
            return _job(row)


def extend(engine: Engine, job: Job, worker: str, *, lease: float = 60.0) -> bool:
    """Prolong a lease; false where it was lost to another worker, whose result will count."""
    return _settle(engine, job, worker, available_at=time.time() + lease)


def finish(engine: Engine, job: Job, worker: str, result: dict[str, Any] | None = None) -> bool:
    """Mark a job done; false where the lease was lost meanwhile."""
    text = None if result is None else json.dumps(result)
    return _settle(engine, job, worker, state="done", result=text, reason=None, finished_at=time.time())


def fail(engine: Engine, job: Job, worker: str, reason: str, *, final: bool = False, base: float = 1.0) -> bool:
    """Give a job back after an error: queued again after ``base * 2 ** attempts`` seconds (10 minutes at most, half of it drawn
    at random), or dead when ``final`` or out of attempts. False where the lease was lost meanwhile."""
    if final or job.attempts >= job.most_attempts:
        return _settle(engine, job, worker, state="dead", reason=reason, finished_at=time.time())
    wait = min(base * 2**job.attempts, 600.0) * random.uniform(0.5, 1.0)
    return _settle(engine, job, worker, state="queued", reason=reason, available_at=time.time() + wait)


def get(session: Session, job: int) -> Job | None:
    """A job by its id."""
    row = session.get(JobRow, job)
    return _job(row) if row else None


def find(session: Session, kind: str, *, state: State | None = None, limit: int = 1000) -> list[Job]:
    """Jobs of a kind, the oldest first."""
    query = select(JobRow).where(JobRow.kind == kind).order_by(JobRow.id).limit(limit)
    return [_job(row) for row in session.scalars(query if state is None else query.where(JobRow.state == state))]


def revive(session: Session, kind: str, key: str, *, most_attempts: int = 5) -> bool:
    """Queue a dead or done job anew, as an administrator may ask; false where there is no such job."""
    changed = session.execute(
        update(JobRow)
        .where(JobRow.kind == kind, JobRow.key == key, JobRow.state.in_(("dead", "done")))
        .values(state="queued", attempts=0, most_attempts=most_attempts, available_at=time.time(), finished_at=None)
        .returning(JobRow.id)
    )
    return changed.first() is not None


def counts(session: Session, kind: str | None = None) -> dict[State, int]:
    """How many jobs are in each state."""
    query = select(JobRow.state, func.count()).group_by(JobRow.state)
    rows = session.execute(query if kind is None else query.where(JobRow.kind == kind))
    found: dict[str, int] = {row[0]: row[1] for row in rows}
    return {
        "queued": found.get("queued", 0),
        "running": found.get("running", 0),
        "done": found.get("done", 0),
        "dead": found.get("dead", 0),
    }


def _settle(engine: Engine, job: Job, worker: str, **values: Any) -> bool:
    """Write ``values`` if the lease of this very attempt still holds."""
    with writing(engine) as session:
        changed = session.execute(
            update(JobRow)
            .where(
                JobRow.id == job.id,
                JobRow.state == "running",
                JobRow.worker == worker,
                JobRow.attempts == job.attempts,
            )
            .values(**values)
            .returning(JobRow.id)
        )
        return changed.first() is not None


def _job(row: JobRow) -> Job:
    return Job(
        row.id,
        row.kind,
        row.key,
        row.state,  # type: ignore[arg-type]
        json.loads(row.payload),
        None if row.result is None else json.loads(row.result),
        row.reason,
        row.attempts,
        row.most_attempts,
        row.available_at,
    )
