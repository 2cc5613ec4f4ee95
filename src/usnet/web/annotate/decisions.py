"""Adjudication: what several readers said of an image, and what was decided."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.web.annotate.bodies import Body
from usnet.web.annotate.matching import agree, middle
from usnet.web.annotate.saving import Save, save
from usnet.web.annotate.shapes import Other
from usnet.web.annotate.tables import FINAL, Image, Project, Reading
from usnet.web.roles import User
from usnet.web.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Case:
    """An image that two or more readers finished; ``same`` says whether they agree, ``decided`` what came of it, if anything."""

    image: Image
    said: tuple[tuple[str, Body], ...]
    same: bool
    decided: Body | None


def letters(session: Session, project: str) -> dict[str, str]:
    """A, B, C ... for the readers of a project, in an order that says nothing."""
    query = select(Reading.reader).join(Image).where(Image.project == project, Reading.reader != FINAL).distinct()
    return {reader: letter(place) for place, reader in enumerate(sorted(session.scalars(query)))}


def letter(place: int) -> str:
    """A to Z, then A2 and so on."""
    return chr(65 + place % 26) + (str(place // 26 + 1) if place >= 26 else "")


def others(session: Session, image: str) -> list[Other]:
    """What the readers said of an image."""
    row = session.get_one(Image, image)
    names = letters(session, row.project)
    found = session.scalars(select(Reading).where(Reading.image == image, Reading.reader != FINAL))
    rest = [Other(reader=names[r.reader], body=Body.model_validate_json(r.body), finished=r.finished) for r in found]
    return sorted(rest, key=lambda other: other.reader)


def cases(session: Session, project: str) -> list[Case]:
    """Images with two or more finished readings, in the project's order."""
    query = (
        select(Image, Reading)
        .join(Reading, Reading.image == Image.id)
        .where(Image.project == project, Reading.finished.is_(True))
        .order_by(Image.position, Reading.reader)
    )
    grouped: dict[str, tuple[Image, dict[str, Body]]] = {}
    for image, said in session.execute(query):
        grouped.setdefault(image.id, (image, {}))[1][said.reader] = Body.model_validate_json(said.body)
    found = []
    for image, bodies in grouped.values():
        decided = bodies.pop(FINAL, None)
        if len(bodies) > 1:
            first, *rest = bodies.values()
            found.append(Case(image, tuple(bodies.items()), all(agree(first, other) for other in rest), decided))
    return found


def settle(session: Session, place: Workplace, user: User, project: Project) -> int:
    """Decide all cases in which both readers agree and nothing was decided: the mean of their boxes. Returns how many."""
    count = 0
    for case in cases(session, project.id):
        if case.same and case.decided is None and session.get(Reading, (case.image.id, FINAL)) is None:
            body = case.said[0][1]
            for _, other in case.said[1:2]:
                body = middle(body, other)
            given = Save(key=uuid.uuid4().hex, version=0, finished=True, body=body)
            save(session, place, project, case.image, given, author=user.id, reader=FINAL)
            count += 1
    return count
