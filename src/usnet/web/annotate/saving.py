"""Saves: made once by their key, never on top of something unseen, each a row of the project's signed log."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.datasets.records import ImageRecord
from usnet.errors import DataError
from usnet.store import chain
from usnet.store.tables import Link
from usnet.web.annotate.bodies import Body, given_body
from usnet.web.annotate.projects import stream_of
from usnet.web.annotate.records import record_from
from usnet.web.annotate.tables import Change, Image, Project, Reading
from usnet.web.workplace import Workplace

SAVED = "annotation saved"


class Save(BaseModel):
    """A new version: ``version`` is the one it rests on, ``key`` names this save and is sent again with every retry."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(pattern="^[0-9a-f-]{16,64}$")
    version: int = Field(ge=0, le=1_000_000)
    finished: bool = False
    body: Body


class Saved(BaseModel):
    """What is on disk; version 0 is what the dataset says, which nobody saved."""

    image: str
    version: int
    finished: bool
    body: Body
    saved_at: float | None = None


class Outdated(Exception):
    """Another page of the same reader saved meanwhile; ``current`` is what it saved."""

    def __init__(self, current: Saved) -> None:
        self.current = current
        super().__init__(f"version {current.version} was saved meanwhile")


def current(session: Session, project: Project, image: Image, reader: str) -> Saved:
    """What a reader says of an image now."""
    row = session.get(Reading, (image.id, reader))
    if row is None:
        return Saved(image=image.id, version=0, finished=False, body=untouched(project, record_from(image.record)))
    return Saved(
        image=image.id,
        version=row.version,
        finished=row.finished,
        body=Body.model_validate_json(row.body),
        saved_at=row.updated_at,
    )


def untouched(project: Project, record: ImageRecord) -> Body:
    """What a reader finds on an image before the first save."""
    return given_body(record) if project.start == "given" else Body()


def save(
    session: Session, place: Workplace, project: Project, image: Image, given: Save, *, author: str, reader: str
) -> Saved:
    """Add a version within the caller's transaction. The same key again gives what the first one gave.

    Raises
    ------
    Outdated
        ``given`` rests on a version that is not the newest.
    DataError
        A box leaves the image, or an image is to be finished about which nothing is said.
    """
    now = current(session, project, image, reader)
    if session.scalar(
        select(Change.version).where(Change.image == image.id, Change.reader == reader, Change.key == given.key)
    ):
        return now
    if now.version != given.version:
        raise Outdated(now)
    problem = given.body.problem(image.width, image.height)
    if problem or (given.finished and not given.body.says_something):
        raise DataError(problem or "nothing is said of this image", hint="Draw a box, or state that it is normal")
    return _write(session, place, project, image, given, author, reader)


def _write(
    session: Session, place: Workplace, project: Project, image: Image, given: Save, author: str, reader: str
) -> Saved:
    version, at = given.version + 1, time.time()
    said = {"image": image.id, "reader": reader, "version": version, "finished": given.finished}
    entry = chain.append(
        session, place.audit_key, stream_of(project.id), author, SAVED, said | {"body": given.body.model_dump()}
    )
    session.add(Change(image=image.id, reader=reader, version=version, key=given.key, position=entry.position))
    row = session.get(Reading, (image.id, reader))
    if row is None:
        row = Reading(image=image.id, reader=reader)
        session.add(row)
    row.version, row.finished, row.body, row.author, row.updated_at = (
        version,
        given.finished,
        given.body.text(),
        author,
        at,
    )
    session.flush()
    return Saved(image=image.id, version=version, finished=given.finished, body=given.body, saved_at=at)


@dataclass(frozen=True, slots=True)
class Past:
    """One change as the signed log has it: when (UTC), by which account, for which reader, and what was said."""

    time: str
    actor: str
    reader: str
    version: int
    finished: bool
    body: dict[str, Any]


def history(session: Session, project: str, image: str, reader: str | None) -> list[Past]:
    """Every change of an image, the newest first; of one reader, or of all for ``None``."""
    query = (
        select(Link)
        .join(Change, Change.position == Link.position)
        .where(Link.stream == stream_of(project), Change.image == image)
        .order_by(Link.position.desc())
        .limit(1000)
    )
    rows = session.scalars(query if reader is None else query.where(Change.reader == reader))
    return [_past(row) for row in rows]


def _past(row: Link) -> Past:
    said = json.loads(row.body)
    return Past(row.time, row.actor, said["reader"], said["version"], said["finished"], said["body"])
