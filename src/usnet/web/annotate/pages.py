"""The pages: projects, the list of images, one image, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.store.database import reading, writing
from usnet.web.annotate import export, lists, projects, saving
from usnet.web.annotate.bodies import BIRADS
from usnet.web.annotate.shapes import Id
from usnet.web.annotate.tables import FINAL, Project
from usnet.web.annotate.words import annotate_words
from usnet.web.browse.places import roots, spot_of, spots
from usnet.web.browser import csrf_token
from usnet.web.guard import Place, audit, require
from usnet.web.pages import NavItem, render
from usnet.web.roles import User
from usnet.web.tables import Account
from usnet.web.words import N_

router = APIRouter(tags=["pages"])
NAV = (NavItem("/annotate", N_("Annotate"), ("annotator",)),)
Annotator = Annotated[User, require("annotator")]
Administrator = Annotated[User, require("administrator")]
Text = Annotated[str, Form(max_length=200)]
Format = Literal["coco", "zip", "csv"]


@router.get("/annotate")
def home(request: Request, place: Place, user: Annotator) -> Response:
    """One's projects; for administrators a form for new ones."""
    with reading(place.engine) as session:
        rows = [_summary(session, user, row) for row in projects.visible(session, user)]
    found = [s for s in spots(place) if s.kind == "dataset"] if user.is_administrator else []
    return render(
        request, user, "annotate/home.html", rows=rows, spots=found, rooted=bool(roots(place)), states=lists.STATES
    )


def _summary(session: Session, user: User, row: Project) -> dict[str, Any]:
    state, reason = lists.state_of(session, row)
    mine = next((s for s in lists.shares(session, row.id) if s.reader == user.id), None)
    duty = projects.duty_of(session, user, row.id)
    return {"project": row, "state": state, "reason": reason, "mine": mine.finished if mine else 0, "duty": duty}


@router.post("/annotate")
def create(
    place: Place,
    user: Administrator,
    name: Text = "",
    spot: Text = "",
    start: Annotated[projects.Start, Form()] = "given",
    suggestions: Annotated[bool, Form()] = False,
) -> Response:
    """A project from a dataset on the server's disk, or one that waits for an upload."""
    found = spot_of(place, spot, "dataset") if spot else None
    if spot and found is None:
        raise HTTPException(404, "There is no such dataset under the folders that were opened.")
    with writing(place.engine) as session:
        row = projects.create(
            place,
            session,
            user,
            name or (found.folder.name if found else ""),
            folder=found.folder if found else None,
            start=start,
            suggestions=suggestions,
        )
    return RedirectResponse(f"/annotate/{row.id}", 303)


@router.get("/annotate/{project}")
def images(request: Request, place: Place, user: Annotator, project: Id) -> Response:
    """The images; while they are read, how far that is."""
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        state, reason = lists.state_of(session, row)
        if state != "ready":
            return render(
                request,
                user,
                "annotate/waiting.html",
                project=row,
                state=state,
                reason=reason,
                largest=place.settings.max_upload,
                words=annotate_words(request),
            )
        found = lists.rows(session, row, user.id)
        chief = projects.adjudicates(session, user, project)
    return render(
        request,
        user,
        "annotate/images.html",
        project=row,
        rows=found,
        tally=lists.tally(found),
        states=lists.STATES,
        chief=chief,
        words=annotate_words(request),
    )


@router.get("/annotate/{project}/progress")
def progress(request: Request, place: Place, user: Annotator, project: Id) -> Response:
    """The part of the waiting page that changes. Carries the token of this login, for a page whose own is outdated."""
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        state, reason = lists.state_of(session, row)
    headers = {"x-csrf-token": csrf_token(request, place)}
    if state in ("ready", "failed"):
        headers["hx-refresh"] = "true"
    return render(request, user, "annotate/progress.html", headers=headers, project=row, state=state, reason=reason)


@router.get("/annotate/{project}/images/{image}")
def one(
    request: Request,
    place: Place,
    user: Annotator,
    project: Id,
    image: Id,
    whose: Annotated[Literal["me", "final"], Query(alias="as")] = "me",
) -> Response:
    """The picture, and everything that can be said of it."""
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        picture = projects.image_of(session, project, image)
        if whose == "final" and not projects.adjudicates(session, user, project):
            raise HTTPException(403, "Only adjudicators decide.")
    data = {
        "project": project,
        "image": image,
        "as": whose,
        "suggest": row.suggestions,
        "words": annotate_words(request),
    }
    return render(
        request, user, "annotate/work.html", project=row, image=picture, whose=whose, data=data, grades=BIRADS
    )


@router.get("/annotate/{project}/images/{image}/history")
def history(request: Request, place: Place, user: Annotator, project: Id, image: Id) -> Response:
    """Every change with who and when: one's own; adjudicators see all."""
    with reading(place.engine) as session:
        projects.project_of(session, user, project)
        projects.image_of(session, project, image)
        all_of_them = projects.adjudicates(session, user, project)
        past = saving.history(session, project, image, None if all_of_them else user.id)
        known = projects.names(session, {p.actor for p in past} | {p.reader for p in past})
    return render(request, user, "annotate/history.html", past=past, names=known, final=FINAL)


@router.get("/annotate/{project}/export", response_class=StreamingResponse)
def download(
    place: Place,
    user: Annotator,
    project: Id,
    form: Annotated[Format, Query(alias="format")] = "coco",
    which: export.Which = "mine",
) -> Response:
    """The annotations as COCO, as a dataset folder in a zip, or as a table."""
    with writing(place.engine) as session:
        row = projects.project_of(session, user, project)
        if which == "decided" and not projects.adjudicates(session, user, project):
            raise HTTPException(403, "Only adjudicators take out what was decided.")
        found = export.rows(session, row, which, user.id)
        audit(session, place, user, "annotations exported", project=project, format=form, which=which)
        session.expunge_all()
    name, kind = {
        "coco": ("dataset.json", "application/json"),
        "zip": ("dataset.zip", "application/zip"),
        "csv": ("annotations.csv", "text/csv; charset=utf-8"),
    }[form]
    body: Iterator[bytes | str]
    if form == "zip":
        body = export.archive(row, found)
    else:
        body = export.table(found) if form == "csv" else iter([export.document(row, found)])
    return StreamingResponse(body, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


@router.get("/annotate/{project}/team")
def team(request: Request, place: Place, user: Administrator, project: Id) -> Response:
    """Who works on it, and how far they are."""
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        values: dict[str, Any] = {
            "project": row,
            "accounts": _annotators(session),
            "members": projects.members(session, project),
            "shares": lists.shares(session, project),
            "total": lists.readable(session, project),
        }
        values["names"] = projects.names(session, {s.reader for s in values["shares"]})
    return render(request, user, "annotate/team.html", final=FINAL, **values)


@router.post("/annotate/{project}/team")
def set_team(
    place: Place,
    user: Administrator,
    project: Id,
    duties: Annotated[list[str], Form(max_length=500)] = [],  # noqa: B006
) -> Response:
    """Say who works on it: ``ACCOUNT:reader`` or ``ACCOUNT:adjudicator`` each; empty ones do not."""
    wanted: dict[str, projects.Duty] = {}
    for account, _, duty in (text.partition(":") for text in duties if text):
        if duty == "reader" or duty == "adjudicator":
            wanted[account[:32]] = "reader" if duty == "reader" else "adjudicator"
    with writing(place.engine) as session:
        projects.project_of(session, user, project)
        projects.set_members(place, session, user, project, wanted)
    return RedirectResponse(f"/annotate/{project}/team", 303)


@router.post("/annotate/{project}/delete")
def delete(place: Place, user: Administrator, project: Id, sure: Annotated[bool, Form()] = False) -> Response:
    """Delete a project; the dataset on disk and the signed log stay."""
    if not sure:
        raise HTTPException(400, "Tick the box first: what is deleted cannot be brought back.")
    with writing(place.engine) as session:
        projects.project_of(session, user, project)
        projects.delete_project(place, session, user, project)
    return RedirectResponse("/annotate", 303)


def _annotators(session: Session) -> list[Account]:
    query = select(Account).where(Account.role.in_(("annotator", "administrator")), Account.disabled.is_(False))
    return list(session.scalars(query.order_by(Account.name_key)))
