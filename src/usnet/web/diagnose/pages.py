"""The pages: drop images, watch them being read, see findings, put two views side by side."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.store.database import reading, writing
from usnet.web.diagnose import anyway, assess, exams
from usnet.web.diagnose.compare import Mode, key_frame, together
from usnet.web.diagnose.model import Facts
from usnet.web.diagnose.screen_words import screen_words
from usnet.web.diagnose.viewdata import diagnoses, view_data
from usnet.web.guard import CurrentUser, Place
from usnet.web.pages import NavItem, render
from usnet.web.roles import User
from usnet.web.tables import Account, Exam, View
from usnet.web.words import N_
from usnet.web.workplace import Workplace

router = APIRouter(tags=["pages"])
NAV = (NavItem("/", N_("Diagnose")),)
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
QueryId = Annotated[str, Query(pattern="^[0-9a-f]{32}$")]


@router.get("/")
def home(request: Request, place: Place, user: CurrentUser) -> Response:
    """Drop zone and one's own exams."""
    return render(request, user, "diagnose/home.html", rows=_rows(place, user), **_limits(request, place))


@router.get("/exams")
def exam_list(request: Request, place: Place, user: CurrentUser) -> Response:
    """The list alone, for the page that refreshes it."""
    return render(request, user, "diagnose/list.html", rows=_rows(place, user))


@router.get("/exams/{exam}")
def exam_page(request: Request, place: Place, user: CurrentUser, exam: Id) -> Response:
    """Progress, or the first view."""
    with reading(place.engine) as session:
        row = exams.exam_of(session, user, exam)
        state, reason = exams.state_of(session, row)
        views = _views(session, exam)
    first = next((view for view in views if view.frames), None)
    refused = [view for view in views if anyway.was_refused(view)]
    if state == "done" and first:
        return RedirectResponse(f"/exams/{exam}/views/{first.id}", 303)
    return render(
        request, user, "diagnose/waiting.html", exam=row, state=state, reason=reason, views=views, refused=refused
    )


@router.post("/exams/{exam}/views/{view}/anyway")
def read_anyway(place: Place, user: CurrentUser, exam: Id, view: Id, sure: Annotated[bool, Form()] = False) -> Response:
    """Read what the gate refused, at the reader's word."""
    with writing(place.engine) as session:
        row = exams.view_of(session, user, exam, view)
        if not sure:
            raise HTTPException(400, "Tick the box first: only you can say what this image shows.")
        anyway.ask(place, session, user, row)
    return RedirectResponse(f"/exams/{exam}", 303)


@router.get("/exams/{exam}/progress")
def exam_progress(request: Request, place: Place, user: CurrentUser, exam: Id) -> Response:
    """The part of the waiting page that changes; tells HTMX to load the page anew when the exam has been read."""
    with reading(place.engine) as session:
        row = exams.exam_of(session, user, exam)
        state, reason = exams.state_of(session, row)
    headers = {"hx-refresh": "true"} if state in ("done", "failed") else None
    return render(request, user, "diagnose/progress.html", headers=headers, exam=row, state=state, reason=reason)


@router.get("/exams/{exam}/views/{view}")
def view_page(request: Request, place: Place, user: CurrentUser, exam: Id, view: Id) -> Response:
    """Picture, findings, and the doctor's fields."""
    facts: Facts = request.app.state.facts
    with reading(place.engine) as session:
        row = exams.view_of(session, user, exam, view)
        exam_row = exams.exam_of(session, user, exam)
        data = view_data(session, row, facts)
        saved = assess.latest(session, view)
        start = key_frame([d for d, _ in diagnoses(session, view)]) if data.frames else 0
        values: dict[str, Any] = {
            "exam": exam_row,
            "view": row,
            "views": (every := _views(session, exam)),
            "refused": [other for other in every if anyway.was_refused(other)],
            "others": _others(session, user, view),
            "terms": assess.TERMS,
            "saved": saved,
            "data": data.model_dump()
            | {"start": start, "words": screen_words(request), "assessment": saved.model_dump()},
        }
    if not data.frames:
        raise HTTPException(404, "This file gave no picture.")
    return render(request, user, "diagnose/view.html", **values)


@router.get("/exams/{exam}/views/{view}/history")
def history(request: Request, place: Place, user: CurrentUser, exam: Id, view: Id) -> Response:
    """Every version of what the doctor wrote."""
    with reading(place.engine) as session:
        exams.view_of(session, user, exam, view)
        versions = assess.history(session, view)
        authors = {version.author for version in versions}
        names = {row.id: row.name for row in session.scalars(select(Account).where(Account.id.in_(authors)))}
    return render(request, user, "diagnose/history.html", versions=versions, names=names, terms=assess.TERMS)


@router.get("/compare")
def compare(
    request: Request,
    place: Place,
    user: CurrentUser,
    a: QueryId,
    b: QueryId,
    mode: Annotated[Mode, Query(alias="as")] = "views",
) -> Response:
    """Two views side by side; with ``as=prior``, ``a`` is the earlier one."""
    facts: Facts = request.app.state.facts
    sides: list[dict[str, Any]] = []
    keys = []
    with reading(place.engine) as session:
        for view in (a, b):
            row = session.get(View, view)
            exam = exams.exam_of(session, user, row.exam if row else "")
            said = [d for d, _ in diagnoses(session, view)]
            if row is None or not said:
                raise HTTPException(404, "There is nothing here.")
            start = key_frame(said)
            keys.append(said[start])
            sides.append(
                {"view": row, "exam": exam, "data": view_data(session, row, facts).model_dump() | {"start": start}}
            )
    if keys[0].model != keys[1].model or keys[0].model.sha256 != facts.bundle.identity.sha256:
        raise HTTPException(400, "The two views were read by different models: read both anew, then compare.")
    opinions = [together(keys[0], keys[1], point).model_dump() for point in facts.points]
    for side in sides:
        side["data"]["words"] = screen_words(request)
    return render(
        request, user, "diagnose/compare.html", sides=sides, mode=mode, opinions=opinions, default=facts.default
    )


@router.post("/exams/{exam}/delete")
def delete(place: Place, user: CurrentUser, exam: Id, sure: Annotated[bool, Form()] = False) -> Response:
    """Delete an exam with everything in it, now."""
    if not sure:
        raise HTTPException(400, "Tick the box first: what is deleted cannot be brought back.")
    with writing(place.engine) as session:
        exams.exam_of(session, user, exam)
        exams.delete_exam(place, session, user, exam)
    return RedirectResponse("/", 303)


def _limits(request: Request, place: Workplace) -> dict[str, Any]:
    return {
        "largest": place.settings.max_upload,
        "days": place.settings.retention_days,
        "words": screen_words(request),
    }


def _rows(place: Workplace, user: User) -> list[dict[str, Any]]:
    with reading(place.engine) as session:
        found = []
        for exam in exams.recent(session, user):
            state, reason = exams.state_of(session, exam)
            found.append({"exam": exam, "state": state, "reason": reason})
        return found


def _views(session: Session, exam: str) -> list[View]:
    return list(session.scalars(select(View).where(View.exam == exam).order_by(View.position)))


def _others(session: Session, user: User, view: str) -> list[tuple[Exam, View]]:
    """Views that this one may be put beside, the newest exams first."""
    query = (
        select(Exam, View)
        .join(View, View.exam == Exam.id)
        .where(View.frames > 0, View.id != view)
        .order_by(Exam.created_at.desc(), View.position)
        .limit(100)
    )
    rows = session.execute(query if user.is_administrator else query.where(Exam.owner == user.id))
    return [(row[0], row[1]) for row in rows]
