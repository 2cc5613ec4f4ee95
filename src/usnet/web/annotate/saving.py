"""Saves: made once by their key, never on top of something unseen, each a row of the project's signed log."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from usnet.datasets.records import ImageRecord
from usnet.errors import DataError
from usnet.store import chain
from usnet.store.tables import Link, table_of
from usnet.web.annotate.bodies import Body, given_body
from usnet.web.annotate.projects import stream_of
from usnet.web.annotate.records import record_from
from usnet.web.annotate.tables import Change, Image, Project, Reading
from usnet.web.workplace import Workplace

SAVED = "annotation saved"
_KEY = "^[0-9a-f-]{16,64}$"

# Built once and run without the object mapper: while one save is written, the others wait.
_READING, _CHANGE = table_of(Reading), table_of(Change)
_NOW = select(_READING.c.version, _READING.c.finished, _READING.c.body, _READING.c.updated_at).where(
    _READING.c.image == bindparam("image"), _READING.c.reader == bindparam("reader")
)
_VERSION = select(_CHANGE.c.version).where(
    _CHANGE.c.image == bindparam("image"), _CHANGE.c.reader == bindparam("reader"), _CHANGE.c.key == bindparam("key")
)
_ADD = insert(_CHANGE)
_PUT = {
    name: (adding := made(_READING)).on_conflict_do_update(
        index_elements=["image", "reader"],
        set_={column: adding.excluded[column] for column in ("version", "finished", "body", "author", "updated_at")},
    )
    for name, made in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


class Save(BaseModel):
    """A new version: ``version`` is the one it rests on, ``key`` names this save and is sent again with every retry. ``after``
    names a save of the same page that may have arrived in between (the page was left before the answer came)."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(pattern=_KEY)
    version: int = Field(ge=0, le=1_000_000)
    after: str | None = Field(default=None, pattern=_KEY)
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
    row = session.connection().execute(_NOW, {"image": image.id, "reader": reader}).one_or_none()
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
    if _version_of(session, image, reader, given.key) is not None:
        return now
    if now.version != given.version and not _follows(session, image, reader, given, now.version):
        raise Outdated(now)
    problem = given.body.problem(image.width, image.height)
    if problem or (given.finished and not given.body.says_something):
        raise DataError(problem or "nothing is said of this image", hint="Draw a box, or state that it is normal")
    return _write(session, place, project, image, given.model_copy(update={"version": now.version}), author, reader)


def _version_of(session: Session, image: Image, reader: str, key: str) -> int | None:
    """Which version a save became; ``None`` where it never arrived."""
    found = session.connection().execute(_VERSION, {"image": image.id, "reader": reader, "key": key})
    version: int | None = found.scalar_one_or_none()
    return version


def _follows(session: Session, image: Image, reader: str, given: Save, newest: int) -> bool:
    """Whether the newest version is the very save that ``given`` says it comes after."""
    return given.after is not None and _version_of(session, image, reader, given.after) == newest == given.version + 1


def _write(
    session: Session, place: Workplace, project: Project, image: Image, given: Save, author: str, reader: str
) -> Saved:
    version, at = given.version + 1, time.time()
    said = {"image": image.id, "reader": reader, "version": version, "finished": given.finished}
    entry = chain.append(
        session, place.audit_key, stream_of(project.id), author, SAVED, said | {"body": given.body.model_dump()}
    )
    where, connection = {"image": image.id, "reader": reader, "version": version}, session.connection()
    connection.execute(_ADD, where | {"key": given.key, "position": entry.position})
    values = {"finished": given.finished, "body": given.body.text(), "author": author, "updated_at": at}
    connection.execute(_PUT[connection.dialect.name], where | values)
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
