"""Images of a project as one reader sees them, and how far everybody is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from usnet.store.tables import JobRow
from usnet.web.annotate.bodies import Body
from usnet.web.annotate.projects import PREPARE
from usnet.web.annotate.records import record_from
from usnet.web.annotate.saving import untouched
from usnet.web.annotate.shapes import Row
from usnet.web.annotate.tables import FINAL, Image, Project, Reading

STATES = ("untouched", "begun", "done", "unreadable")


def rows(session: Session, project: Project, reader: str) -> list[Row]:
    """Every image with the state that one reader left it in."""
    query = (
        select(Image, Reading)
        .outerjoin(Reading, (Reading.image == Image.id) & (Reading.reader == reader))
        .where(Image.project == project.id)
        .order_by(Image.position)
    )
    return [_row(project, image, said) for image, said in session.execute(query)]


def _row(project: Project, image: Image, said: Reading | None) -> Row:
    body = untouched(project, record_from(image.record)) if said is None else Body.model_validate_json(said.body)
    state = "untouched" if said is None else "done" if said.finished else "begun"
    return Row(
        image=image.id,
        number=image.position + 1,
        name=image.file_name,
        state="unreadable" if image.picture is None else state,
        label=body.label if said is not None or body.says_something else None,
        marks=len(body.marks),
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
