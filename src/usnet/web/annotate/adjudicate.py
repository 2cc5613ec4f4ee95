"""The pages of adjudicators: what the readers said side by side, the decision, and how far they agree."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from usnet.store.database import reading, writing
from usnet.web.annotate import decisions, projects, saving
from usnet.web.annotate.agreement import agreement
from usnet.web.annotate.bodies import Body
from usnet.web.annotate.matching import agree, matched, middle
from usnet.web.annotate.shapes import Id, Other
from usnet.web.annotate.tables import FINAL, Image, Project, Reading
from usnet.web.guard import Place, require
from usnet.web.pages import render
from usnet.web.roles import User

router = APIRouter(tags=["pages"])
Annotator = Annotated[User, require("annotator")]


def _project(session: Session, user: User, project: str) -> Project:
    return projects.project_of(session, user, project, "adjudicator")


@router.get("/annotate/{project}/decisions")
def overview(request: Request, place: Place, user: Annotator, project: Id) -> Response:
    """Images that two or more readers finished."""
    with reading(place.engine) as session:
        row = _project(session, user, project)
        found = decisions.cases(session, project)
    counts = {
        "decided": sum(c.decided is not None for c in found),
        "same": sum(c.same and c.decided is None for c in found),
        "differ": sum(not c.same and c.decided is None for c in found),
    }
    return render(request, user, "annotate/decisions.html", project=row, cases=found, counts=counts)


@router.post("/annotate/{project}/settle")
def settle(place: Place, user: Annotator, project: Id) -> Response:
    """Decide at once what the readers agree on."""
    with writing(place.engine) as session:
        decisions.settle(session, place, user, _project(session, user, project))
    return RedirectResponse(f"/annotate/{project}/decisions", 303)


@router.get("/annotate/{project}/decisions/{image}")
def side_by_side(request: Request, place: Place, user: Annotator, project: Id, image: Id) -> Response:
    """Both readings of an image, and the decision."""
    with reading(place.engine) as session:
        row = _project(session, user, project)
        picture = projects.image_of(session, project, image)
        said = [other for other in decisions.others(session, image) if other.finished]
        final = session.get(Reading, (image, FINAL))
        decided = saving.current(session, row, picture, FINAL) if final else None
        order = [c.image.id for c in decisions.cases(session, project)]
    if not said:
        raise HTTPException(404, "No reader has finished this image.")
    place_in = order.index(image) if image in order else -1
    return render(
        request,
        user,
        "annotate/decide.html",
        project=row,
        image=picture,
        said=said,
        decided=decided,
        same=_same(said),
        overlaps=[p.iou for p in matched(said[0].body, said[1].body, 0.01)] if len(said) > 1 else [],
        version=final.version if final else 0,
        before=order[place_in - 1] if place_in > 0 else None,
        after=order[place_in + 1] if 0 <= place_in < len(order) - 1 else None,
    )


def _same(said: list[Other]) -> bool:
    return len(said) > 1 and all(agree(said[0].body, other.body) for other in said[1:])


@router.post("/annotate/{project}/decisions/{image}")
def decide(
    place: Place,
    user: Annotator,
    project: Id,
    image: Id,
    take: Annotated[str, Form(max_length=8)],
    version: Annotated[int, Form(ge=0, le=1_000_000)],
) -> Response:
    """Take a reader's reading (A, B ...) or, where they agree, the ``mean`` of their boxes."""
    try:
        with writing(place.engine) as session:
            row = _project(session, user, project)
            picture = projects.image_of(session, project, image)
            body = _taken([o for o in decisions.others(session, image) if o.finished], take)
            given = saving.Save(key=uuid.uuid4().hex, version=version, finished=True, body=body)
            _check_start(session, picture, version)
            saving.save(session, place, row, picture, given, author=user.id, reader=FINAL)
    except saving.Outdated:
        raise HTTPException(409, "Somebody decided meanwhile. Load the page again.") from None
    return RedirectResponse(f"/annotate/{project}/decisions/{image}", 303)


def _check_start(session: Session, image: Image, version: int) -> None:
    if version == 0 and session.get(Reading, (image.id, FINAL)) is not None:
        raise HTTPException(409, "Somebody decided meanwhile. Load the page again.")


def _taken(said: list[Other], take: str) -> Body:
    if take == "mean":
        if len(said) != 2 or not _same(said):
            raise HTTPException(400, "The readers do not agree: there is no mean of what they say.")
        return middle(said[0].body, said[1].body)
    found = next((other.body for other in said if other.reader == take), None)
    if found is None:
        raise HTTPException(400, "There is no such reader.")
    return found


@router.get("/annotate/{project}/agreement")
def agreements(request: Request, place: Place, user: Annotator, project: Id) -> Response:
    """Overlap and kappa of every two readers."""
    with reading(place.engine) as session:
        row = _project(session, user, project)
        found = agreement(session, project)
        names: dict[str, Any] = decisions.letters(session, project)
    return render(request, user, "annotate/agreement.html", project=row, found=found, names=names)
