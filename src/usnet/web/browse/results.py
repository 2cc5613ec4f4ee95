"""Jobs of the browser pages by what they are about, and their results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.store import jobs
from usnet.store.tables import JobRow
from usnet.web.browse.places import Spot
from usnet.web.browse.work import CHECK, FAILURES, files_of
from usnet.web.queueing import check_room, submit_job
from usnet.web.workplace import Workplace

SOURCE = {CHECK: "dataset.json", FAILURES: "predictions.jsonl"}


@dataclass(frozen=True, slots=True)
class Result:
    """State of the work on a folder: none, queued, running, done or dead; ``found`` is what came of it."""

    state: str
    reason: str | None = None
    found: dict[str, Any] | None = None


def key_of(spot: Spot, kind: str) -> str:
    """A key that changes when the file that was looked at changes."""
    try:
        stat = (spot.folder / SOURCE[kind]).stat()
    except OSError:
        return f"{spot.id}:gone"
    return f"{spot.id}:{stat.st_mtime_ns}:{stat.st_size}"


def start(session: Session, place: Workplace, spot: Spot, kind: str) -> None:
    """Queue the work within the caller's transaction; one that failed, or whose images may have changed, is done anew.

    Raises
    ------
    QueueFull
        Too many jobs wait.
    """
    check_room(session, place)
    key = key_of(spot, kind)
    if not jobs.revive(session, kind, key, most_attempts=3):
        submit_job(session, place, kind, key, {"spot": spot.id})


def result(session: Session, place: Workplace, spot: Spot, kind: str) -> Result:
    """What is known of a folder."""
    query = select(JobRow.state, JobRow.reason, JobRow.result).where(
        JobRow.kind == kind, JobRow.key == key_of(spot, kind)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return Result("none")
    if row.state != "done" or not row.result:
        return Result(row.state, row.reason)
    path = files_of(place).path(json.loads(row.result)["file"])
    if not path.is_file():
        return Result("none")
    return Result("done", None, json.loads(path.read_text(encoding="utf-8")))
