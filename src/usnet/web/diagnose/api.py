"""Diagnose by REST. A file is the request's body, as it is: ``curl --data-binary @image.dcm``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from usnet.store.database import reading, writing
from usnet.web import uploads
from usnet.web.diagnose import anyway, exams
from usnet.web.diagnose.api_shapes import BUSY, ERRORS, FILE, Id
from usnet.web.guard import CurrentUser, Place
from usnet.web.roles import User
from usnet.web.tables import Exam, View
from usnet.web.workplace import Workplace

router = APIRouter(prefix="/api", tags=["diagnose"])
Gated = Annotated[bool, Query(description="false: read also what is no B-mode breast ultrasound, with a warning")]


class Accepted(BaseModel):
    """Work that has been queued: ask for ``status`` until its state is ``done`` or ``failed``."""

    exam: str
    job: int
    status: str


class NewExam(BaseModel):
    """An exam to which files may be added."""

    exam: str


class Stored(BaseModel):
    """A file that has been kept."""

    sha256: str
    bytes: int


class ViewSummary(BaseModel):
    """A view in a list; ``reason`` says why a file gave none, or not all of its frames. It was ``refused`` where that is because
    it does not look like B-mode breast ultrasound."""

    view: str
    name: str
    frames: int
    width: int
    height: int
    reason: str | None
    refused: bool


class ExamStatus(BaseModel):
    """An exam: ``state`` is open, queued, running, done or failed; ``done`` frames of about ``total`` have been read."""

    exam: str
    title: str
    state: str
    reason: str | None
    done: int
    total: int | None
    created_at: float
    expires_at: float | None
    views: list[ViewSummary]


@router.post("/diagnose", status_code=202, openapi_extra=FILE, responses=ERRORS | BUSY)
async def diagnose(request: Request, place: Place, user: CurrentUser, gate: Gated = True) -> Accepted:
    """Upload one file and diagnose it."""
    exam = await _new(place, user)
    _, note = await _received(request, place, exam)

    def begin(session: Session) -> Accepted:
        note(session)
        return _start(session, place, user, exam, gate)

    return await place.saves.soon(begin)


@router.post("/exams", status_code=201, responses=ERRORS | BUSY)
async def new_exam(place: Place, user: CurrentUser) -> NewExam:
    """An exam for several files."""
    return NewExam(exam=await _new(place, user))


@router.post("/exams/{exam}/files", status_code=201, openapi_extra=FILE, responses=ERRORS | BUSY)
async def add_file(request: Request, place: Place, user: CurrentUser, exam: Id) -> Stored:
    """Add a file to an exam that has not been started."""
    await run_in_threadpool(_check_open, place, user, exam)
    kept, note = await _received(request, place, exam)
    await place.saves.soon(note)
    return kept


@router.post("/exams/{exam}/diagnose", status_code=202, responses=ERRORS | BUSY)
async def start(place: Place, user: CurrentUser, exam: Id, gate: Gated = True) -> Accepted:
    """Start an exam; asking twice does it once."""
    return await place.saves.soon(lambda session: _start(session, place, user, exam, gate))


@router.post("/exams/{exam}/views/{view}/anyway", status_code=202, responses=ERRORS | BUSY)
def read_anyway(place: Place, user: CurrentUser, exam: Id, view: Id) -> Accepted:
    """Read a view that was ``refused``, because you say that it is B-mode breast ultrasound. The result carries a warning."""
    with writing(place.engine) as session:
        job = anyway.ask(place, session, user, exams.view_of(session, user, exam, view))
    return Accepted(exam=exam, job=job.id, status=f"/api/exams/{exam}")


@router.get("/exams", responses=ERRORS)
def list_exams(place: Place, user: CurrentUser, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[ExamStatus]:
    """One's own exams (an administrator's: everybody's), the newest first, without their views."""
    with reading(place.engine) as session:
        return [_status(session, row, []) for row in exams.recent(session, user, limit=limit)]


@router.get("/exams/{exam}", responses=ERRORS)
def exam_status(place: Place, user: CurrentUser, exam: Id) -> ExamStatus:
    """State and views of an exam."""
    with reading(place.engine) as session:
        row = exams.exam_of(session, user, exam)
        views = list(session.scalars(select(View).where(View.exam == exam).order_by(View.position)))
        return _status(session, row, views)


@router.delete("/exams/{exam}", status_code=204, responses=ERRORS)
def delete_exam(place: Place, user: CurrentUser, exam: Id) -> Response:
    """Delete an exam with everything in it, now."""
    with writing(place.engine) as session:
        exams.exam_of(session, user, exam)
        exams.delete_exam(place, session, user, exam)
    return Response(status_code=204)


async def _new(place: Workplace, user: User) -> str:
    return await place.saves.soon(lambda session: exams.create(place, session, user).id)


def _check_open(place: Workplace, user: User, exam: str) -> None:
    with reading(place.engine) as session:
        if exams.exam_of(session, user, exam).state != "open":
            raise HTTPException(409, "This exam has been started; make a new one for more files.")


async def _received(request: Request, place: Workplace, exam: str) -> tuple[Stored, Callable[[Session], None]]:
    """A request's file, on disk, and what is to be written of it."""
    digest, size = await uploads.receive(request, place.files(exam), place.settings.max_upload)
    name = uploads.file_name(request)

    def note(session: Session) -> None:
        row = session.get(Exam, exam)
        if row is None:
            raise HTTPException(404, "There is nothing here.")
        exams.add_file(session, row, name, digest, size)

    return Stored(sha256=digest, bytes=size), note


def _start(session: Session, place: Workplace, user: User, exam: str, gate: bool) -> Accepted:
    job = exams.start(place, session, user, exams.exam_of(session, user, exam), gate=gate)
    return Accepted(exam=exam, job=job.id, status=f"/api/exams/{exam}")


def _status(session: Session, row: Exam, views: list[View]) -> ExamStatus:
    state, reason = exams.state_of(session, row)
    return ExamStatus(
        exam=row.id,
        title=row.title,
        state=state,
        reason=reason,
        done=row.done,
        total=row.total,
        created_at=row.created_at,
        expires_at=row.expires_at,
        views=[
            ViewSummary(
                view=v.id,
                name=v.name,
                frames=v.frames,
                width=v.width,
                height=v.height,
                reason=v.reason,
                refused=anyway.was_refused(v),
            )
            for v in views
        ],
    )
