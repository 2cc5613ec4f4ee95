"""Projects: made by administrators, worked on by their members."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from usnet.errors import DataError
from usnet.store.blobs import Blobs
from usnet.store.tables import JobRow
from usnet.web.annotate.tables import Image, Member, Project
from usnet.web.guard import audit, owned
from usnet.web.queueing import submit_job
from usnet.web.roles import User
from usnet.web.tables import Account
from usnet.web.workplace import Workplace

PREPARE, SUGGEST, IMPORT = "annotate-prepare", "annotate-suggest", "annotate-import"
KINDS = (PREPARE, SUGGEST, IMPORT)
Duty = Literal["reader", "adjudicator"]
Start = Literal["given", "empty"]
Source = Literal["disk", "upload"]


def stream_of(project: str) -> str:
    """Name of a project's signed log."""
    return f"annotate/{project}"


def folder_of(place: Workplace, project: str) -> Path:
    """Where a project's own files lie."""
    if not (len(project) == 32 and project.isalnum()):
        raise DataError(f"project {project[:40]!r}", expected="32 letters and digits")
    return place.settings.data / "annotate" / project


def files_of(place: Workplace, project: str) -> Blobs:
    """Pictures, thumbnails and uploads of a project."""
    return Blobs(folder_of(place, project) / "files")


def create(
    place: Workplace,
    session: Session,
    user: User,
    name: str,
    *,
    folder: Path | None,
    start: Start,
    suggestions: bool,
    info: dict[str, str] | None = None,
) -> Project:
    """A new project within the caller's transaction. With a ``folder`` it is read at once; without, it waits for an upload.

    Raises
    ------
    QueueFull
        Too many jobs wait.
    """
    row = Project(
        id=uuid.uuid4().hex,
        name="".join(letter for letter in name[:200] if letter.isprintable()).strip() or "dataset",
        owner=user.id,
        source="upload" if folder is None else "disk",
        folder=None if folder is None else str(folder),
        start=start,
        suggestions=suggestions,
        state="open" if folder is None else "queued",
        reason=None,
        done=0,
        total=None,
        info=json.dumps(info or {}),
        created_at=time.time(),
    )
    session.add(row)
    session.flush()
    audit(session, place, user, "annotation project made", project=row.id, source=row.source)
    if folder is not None:
        submit_job(session, place, PREPARE, row.id, {"project": row.id})
    return row


def visible(session: Session, user: User) -> list[Project]:
    """Projects that the user may open, the newest first."""
    query = select(Project).order_by(Project.created_at.desc()).limit(200)
    if not user.is_administrator:
        query = query.where(Project.id.in_(select(Member.project).where(Member.account == user.id)))
    return list(session.scalars(query))


def project_of(session: Session, user: User, project: str, *duties: Duty) -> Project:
    """A project that the user works on, with one of the ``duties`` if any are named; 404 otherwise."""
    row = session.get(Project, project)
    allowed = row is not None and (
        user.is_administrator or duty_of(session, user, project) in (duties or ("reader", "adjudicator"))
    )
    owned(user, user.id if allowed else None)
    if row is None:
        raise LookupError(project)
    return row


def duty_of(session: Session, user: User, project: str) -> Duty | None:
    """What the user does in a project; an administrator who is no member may do all and has none."""
    duty: Duty | None = session.scalar(select(Member.duty).where(Member.project == project, Member.account == user.id))
    return duty


def adjudicates(session: Session, user: User, project: str) -> bool:
    """Whether the user may see all readings of a project and decide."""
    return user.is_administrator or duty_of(session, user, project) == "adjudicator"


def image_of(session: Session, project: str, image: str) -> Image:
    """An image of a project; 404 otherwise. Ask :func:`project_of` first."""
    row = session.get(Image, image)
    if row is None or row.project != project:
        from fastapi import HTTPException

        raise HTTPException(404, "There is nothing here.")
    return row


def set_members(place: Workplace, session: Session, user: User, project: str, duties: dict[str, Duty]) -> None:
    """Say who works on a project. What former members wrote stays.

    Raises
    ------
    DataError
        An account does not exist or may not annotate.
    """
    known = {row.id: row for row in session.scalars(select(Account).where(Account.id.in_(duties)))}
    for account in duties:
        if account not in known or known[account].role not in ("annotator", "administrator"):
            raise DataError("that account may not annotate", expected="accounts of the role annotator or administrator")
    session.execute(delete(Member).where(Member.project == project))
    session.add_all(Member(project=project, account=account, duty=duty) for account, duty in duties.items())
    audit(session, place, user, "annotation members set", project=project, members=sorted(duties.items()))


def members(session: Session, project: str) -> dict[str, str]:
    """Account ids of a project's members and their duties."""
    rows = session.execute(select(Member.account, Member.duty).where(Member.project == project))
    return {row[0]: row[1] for row in rows}


def delete_project(place: Workplace, session: Session, user: User, project: str) -> None:
    """Delete rows, jobs and pictures within the caller's transaction; the signed log and the dataset on disk stay."""
    images = list(session.scalars(select(Image.id).where(Image.project == project)))
    for keys in _batches([project, *images]):
        session.execute(delete(JobRow).where(JobRow.kind.in_(KINDS), JobRow.key.in_(keys)))
    session.execute(delete(Project).where(Project.id == project))
    audit(session, place, user, "annotation project deleted", project=project)
    shutil.rmtree(folder_of(place, project), ignore_errors=True)


def names(session: Session, accounts: Iterable[str]) -> dict[str, str]:
    """Names of accounts by id, for the page."""
    found = {row.id: row.name for row in session.scalars(select(Account).where(Account.id.in_(set(accounts))))}
    return {account: found.get(account, account) for account in accounts}


def _batches(keys: list[str], size: int = 500) -> Iterable[list[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
