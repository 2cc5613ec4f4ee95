"""Images of a project as one reader sees them, and how far everybody is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from usnet.store.tables import JobRow
from usnet.web.annotate.bodies import Body, given_body
from usnet.web.annotate.projects import PREPARE
from usnet.web.annotate.records import record_from
from usnet.web.annotate.shapes import Row
from usnet.web.annotate.tables import FINAL, Image, Project, Reading

_KEPT = 20_000
"""Images whose gist is remembered; reading it out of its JSON takes most of the time of a long list."""

STATES = ("untouched", "begun", "done", "unreadable")


def rows(session: Session, project: Project, reader: str) -> list[Row]:
    """Every image with the state that one reader left it in."""
    query = (
        select(Image.id, Image.position, Image.file_name, Image.picture, Image.record, Reading.finished, Reading.body)
        .outerjoin(Reading, (Reading.image == Image.id) & (Reading.reader == reader))
        .where(Image.project == project.id)
        .order_by(Image.position)
    )
    start = _of_record if project.start == "given" else _of_nothing
    return [
        _row(found, start(found.record) if found.body is None else _of_body(found.body))
        for found in session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class _Gist:
    """What the list shows of an image."""

    label: str | None
    marks: int
    says_something: bool


def _of_nothing(_record: str) -> _Gist:
    return _Gist(None, 0, False)


@lru_cache(maxsize=_KEPT)
def _of_record(text: str) -> _Gist:
    """Of what the dataset says, which never changes."""
    return _gist(given_body(record_from(text)))


@lru_cache(maxsize=_KEPT)
def _of_body(text: str) -> _Gist:
    """Of what a reader said; readers say much the same of many images, and reload the list after each."""
    return _gist(Body.model_validate_json(text))


def _gist(body: Body) -> _Gist:
    return _Gist(body.label, len(body.marks), body.says_something)


def _row(found: Any, gist: _Gist) -> Row:
    state = "untouched" if found.body is None else "done" if found.finished else "begun"
    return Row(
        image=found.id,
        number=found.position + 1,
        name=found.file_name,
        state="unreadable" if found.picture is None else state,
        label=gist.label if found.body is not None or gist.says_something else None,
        marks=gist.marks,
    )


def tally(found: list[Row]) -> dict[str, int]:
    """Images by state."""
    counted = Counter(row.state for row in found)
    return {state: counted[state] for state in STATES}


@dataclass(frozen=True, slots=True)
class Share:
    """How far one reader is: images ``finished`` and ``begun``."""

    reader: str
    finished: int
    begun: int


def shares(session: Session, project: str) -> list[Share]:
    """Everybody who saved something, the decisions last."""
    query = (
        select(Reading.reader, Reading.finished, func.count())
        .join(Image, Image.id == Reading.image)
        .where(Image.project == project)
        .group_by(Reading.reader, Reading.finished)
    )
    found: dict[str, list[int]] = {}
    for reader, finished, number in session.execute(query):
        found.setdefault(reader, [0, 0])[0 if finished else 1] += number
    return [Share(r, *n) for r, n in sorted(found.items(), key=lambda item: (item[0] == FINAL, item[0]))]


def state_of(session: Session, project: Project) -> tuple[str, str | None]:
    """State and reason, looking at the job too: one whose workers died for good marks no project."""
    if project.state in ("queued", "running"):
        query = select(JobRow.state, JobRow.reason).where(JobRow.kind == PREPARE, JobRow.key == project.id)
        row = session.execute(query).one_or_none()
        if row and row.state == "dead":
            return "failed", row.reason
    return project.state, project.reason


def readable(session: Session, project: str) -> int:
    """Images that have a picture."""
    query = select(func.count()).select_from(Image).where(Image.project == project, Image.picture.is_not(None))
    return session.scalar(query) or 0
