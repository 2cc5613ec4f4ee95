"""Diagnose by REST. A file is the request's body, as it is: ``curl --data-binary @image.dcm``."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from usnet.store import jobs
from usnet.store.database import reading, writing
from usnet.store.jobs import Job
from usnet.web import uploads
from usnet.web.diagnose import assess, exams
from usnet.web.diagnose.assess import Coordinate, Save, Saved
from usnet.web.diagnose.report_work import TYPES, Format
from usnet.web.diagnose.viewdata import ViewData, view_data
from usnet.web.guard import CurrentUser, Place, audit, owned
from usnet.web.queueing import check_room
from usnet.web.roles import User
from usnet.web.tables import Exam, View, ViewFrame
from usnet.web.words import language_of
from usnet.web.workplace import Workplace

router = APIRouter(prefix="/api", tags=["diagnose"])

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]
Number = Annotated[int, Path(ge=0, le=1_000_000)]
_WAIT = 15.0
_FILE = {
    "requestBody": {
        "required": True,
        "description": "A PNG, JPEG, BMP, TIFF or DICOM file, or a zip of them.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "What was sent makes no sense; `detail` says why."},
    401: {"description": "Nobody signed in."},
    403: {"description": "The account or token may not do this."},
    404: {"description": "There is no such thing, or it belongs to somebody else."},
}
_BUSY: dict[int | str, dict[str, Any]] = {
    413: {"description": "The file is too large."},
    429: {"description": "The queue is full; `Retry-After` says when to try again."},
}


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
    """A view in a list; ``reason`` says why a file gave none, or not all of its frames."""

    view: str
    name: str
    frames: int
    width: int
    height: int
    reason: str | None


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


class BoxToScore(BaseModel):
    """A box: x, y, width, height in frame pixels."""

    model_config = ConfigDict(extra="forbid")
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate]


class JobStatus(BaseModel):
    """A job: ``state`` is queued, running, done or dead."""

    job: int
    state: str
    reason: str | None
    result: dict[str, Any] | None


class ReportWanted(BaseModel):
    """Which report, at which operating point (the model's default one if left out)."""

    model_config = ConfigDict(extra="forbid")
    format: Format
    point: str = Field(default="", max_length=100)


@router.post("/diagnose", status_code=202, openapi_extra=_FILE, responses=_ERRORS | _BUSY)
async def diagnose(request: Request, place: Place, user: CurrentUser) -> Accepted:
    """Upload one file and diagnose it."""
    exam = await run_in_threadpool(_new, place, user)
    await _keep(request, place, exam.id)
    return await run_in_threadpool(_start, place, user, exam.id)


@router.post("/exams", status_code=201, responses=_ERRORS | _BUSY)
def new_exam(place: Place, user: CurrentUser) -> NewExam:
    """An exam for several files."""
    return NewExam(exam=_new(place, user).id)


@router.post("/exams/{exam}/files", status_code=201, openapi_extra=_FILE, responses=_ERRORS | _BUSY)
async def add_file(request: Request, place: Place, user: CurrentUser, exam: Id) -> Stored:
    """Add a file to an exam that has not been started."""
    await run_in_threadpool(_check_open, place, user, exam)
    return await _keep(request, place, exam)


@router.post("/exams/{exam}/diagnose", status_code=202, responses=_ERRORS | _BUSY)
def start(place: Place, user: CurrentUser, exam: Id) -> Accepted:
    """Start an exam; asking twice does it once."""
    return _start(place, user, exam)


@router.get("/exams", responses=_ERRORS)
def list_exams(place: Place, user: CurrentUser, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[ExamStatus]:
    """One's own exams (an administrator's: everybody's), the newest first, without their views."""
    with reading(place.engine) as session:
        return [_status(session, row, []) for row in exams.recent(session, user, limit=limit)]


@router.get("/exams/{exam}", responses=_ERRORS)
def exam_status(place: Place, user: CurrentUser, exam: Id) -> ExamStatus:
    """State and views of an exam."""
    with reading(place.engine) as session:
        row = exams.exam_of(session, user, exam)
        views = list(session.scalars(select(View).where(View.exam == exam).order_by(View.position)))
        return _status(session, row, views)


@router.delete("/exams/{exam}", status_code=204, responses=_ERRORS)
def delete_exam(place: Place, user: CurrentUser, exam: Id) -> Response:
    """Delete an exam with everything in it, now."""
    with writing(place.engine) as session:
        exams.exam_of(session, user, exam)
        exams.delete_exam(place, session, user, exam)
    return Response(status_code=204)


@router.get("/exams/{exam}/views/{view}", responses=_ERRORS)
def one_view(request: Request, place: Place, user: CurrentUser, exam: Id, view: Id) -> ViewData:
    """Findings of every frame, at every operating point."""
    with reading(place.engine) as session:
        return view_data(session, exams.view_of(session, user, exam, view), request.app.state.facts)


@router.get(
    "/exams/{exam}/views/{view}/frames/{number}/picture",
    response_class=FileResponse,
    responses=_ERRORS | {200: {"content": {"image/png": {}}}},
)
def picture(place: Place, user: CurrentUser, exam: Id, view: Id, number: Number) -> Response:
    """The frame as the model saw it, as PNG."""
    with reading(place.engine) as session:
        exams.view_of(session, user, exam, view)
        row = session.get(ViewFrame, (view, number))
    if row is None:
        raise HTTPException(404, "There is no such frame.")
    # The browser may keep it while it shows the page; nothing on the way may.
    headers = {"cache-control": "private, max-age=3600"}
    return FileResponse(place.files(exam).path(row.picture), media_type="image/png", headers=headers)


@router.post("/exams/{exam}/views/{view}/frames/{number}/score", responses=_ERRORS | _BUSY)
async def score(place: Place, user: CurrentUser, exam: Id, view: Id, number: Number, wanted: BoxToScore) -> JobStatus:
    """What the model says of a box that you drew. Waits up to 15 seconds; ask for the job afterwards."""
    job = await run_in_threadpool(_submit_score, place, user, exam, view, number, list(wanted.box))
    return await _settled(place, job)


@router.get("/exams/{exam}/views/{view}/assessment", responses=_ERRORS)
def get_assessment(place: Place, user: CurrentUser, exam: Id, view: Id) -> Saved:
    """What the doctor wrote last."""
    with reading(place.engine) as session:
        exams.view_of(session, user, exam, view)
        return assess.latest(session, view)


@router.put(
    "/exams/{exam}/views/{view}/assessment",
    response_model=Saved,
    responses=_ERRORS | {409: {"model": Saved, "description": "Somebody saved meanwhile: this is what they saved."}},
)
def put_assessment(place: Place, user: CurrentUser, exam: Id, view: Id, given: Save) -> Any:
    """Save a new version; the answer comes when it is on disk."""
    try:
        with writing(place.engine) as session:
            return assess.save(session, place, user, exams.view_of(session, user, exam, view), given)
    except assess.Outdated as outdated:
        return JSONResponse(outdated.current.model_dump(), 409)


@router.get("/exams/{exam}/views/{view}/assessment/history", responses=_ERRORS)
def assessment_history(place: Place, user: CurrentUser, exam: Id, view: Id) -> list[Saved]:
    """Every version, the newest first."""
    with reading(place.engine) as session:
        exams.view_of(session, user, exam, view)
        return assess.history(session, view)


@router.post("/exams/{exam}/reports", responses=_ERRORS | _BUSY)
async def make_report(request: Request, place: Place, user: CurrentUser, exam: Id, wanted: ReportWanted) -> JobStatus:
    """Make a report of an exam. Waits up to 15 seconds; fetch it at ``/api/exams/{exam}/reports/{job}``."""
    job = await run_in_threadpool(_submit_report, place, user, exam, wanted, language_of(request))
    return await _settled(place, job)


@router.get("/exams/{exam}/reports/{job}", response_class=FileResponse, responses=_ERRORS)
def get_report(place: Place, user: CurrentUser, exam: Id, job: Number) -> Response:
    """A report that has been made."""
    with reading(place.engine) as session:
        exams.exam_of(session, user, exam)
        found = jobs.get(session, job)
    if found is None or found.kind != exams.REPORT or found.payload["exam"] != exam or found.result is None:
        raise HTTPException(404, "There is no such report.")
    kind: Format = found.payload["format"]
    media, extension = TYPES[kind]
    return FileResponse(
        place.files(exam).path(found.result["sha256"]), media_type=media, filename=f"usnet-{exam[:8]}.{extension}"
    )


@router.get("/jobs/{job}", responses=_ERRORS)
def job_status(place: Place, user: CurrentUser, job: Number) -> JobStatus:
    """One of one's own jobs."""
    with reading(place.engine) as session:
        found = jobs.get(session, job)
        exam = session.get(Exam, found.payload.get("exam", "")) if found and found.kind in exams.KINDS else None
    owned(user, exam.owner if exam else None)
    if found is None:
        raise HTTPException(404, "There is nothing here.")
    return _job_status(found)


def _new(place: Workplace, user: User) -> Exam:
    with writing(place.engine) as session:
        return exams.create(place, session, user)


def _check_open(place: Workplace, user: User, exam: str) -> None:
    with reading(place.engine) as session:
        if exams.exam_of(session, user, exam).state != "open":
            raise HTTPException(409, "This exam has been started; make a new one for more files.")


async def _keep(request: Request, place: Workplace, exam: str) -> Stored:
    digest, size = await uploads.receive(request, place.files(exam), place.settings.max_upload)
    name = uploads.file_name(request)

    def note() -> None:
        with writing(place.engine) as session:
            row = session.get(Exam, exam)
            if row is None:
                raise HTTPException(404, "There is nothing here.")
            exams.add_file(session, row, name, digest, size)

    await run_in_threadpool(note)
    return Stored(sha256=digest, bytes=size)


def _start(place: Workplace, user: User, exam: str) -> Accepted:
    with writing(place.engine) as session:
        job = exams.start(place, session, user, exams.exam_of(session, user, exam))
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
            ViewSummary(view=v.id, name=v.name, frames=v.frames, width=v.width, height=v.height, reason=v.reason)
            for v in views
        ],
    )


def _submit_score(place: Workplace, user: User, exam: str, view: str, number: int, box: list[float]) -> Job:
    """Somebody waits for this one, so it goes before the exams in the queue."""
    with writing(place.engine) as session:
        row = exams.view_of(session, user, exam, view)
        if number >= row.frames:
            raise HTTPException(404, "There is no such frame.")
        key = f"{exam}/{view}/{number}/" + hashlib.sha256(repr(box).encode()).hexdigest()[:32]
        check_room(session, place)
        payload = {"exam": exam, "view": view, "frame": number, "box": box}
        return jobs.submit(session, exams.SCORE, key, payload, most_attempts=3, delay=-3600.0)


def _submit_report(place: Workplace, user: User, exam: str, wanted: ReportWanted, language: str) -> Job:
    with writing(place.engine) as session:
        exams.exam_of(session, user, exam)
        versions = [
            assess.latest(session, view).version for view in session.scalars(select(View.id).where(View.exam == exam))
        ]
        said = hashlib.sha256(repr((wanted, versions, language)).encode()).hexdigest()[:32]
        check_room(session, place)
        payload = {"exam": exam, "format": wanted.format, "point": wanted.point, "language": language}
        job = jobs.submit(session, exams.REPORT, f"{exam}/{said}", payload, most_attempts=3, delay=-3600.0)
        audit(session, place, user, "report made", exam=exam, format=wanted.format)
        return job


async def _settled(place: Workplace, job: Job) -> JobStatus:
    """The job when it is settled, or as it is after a while."""

    def now() -> Job | None:
        with reading(place.engine) as session:
            return jobs.get(session, job.id)

    wait, end = 0.05, asyncio.get_running_loop().time() + _WAIT
    found: Job | None = job
    while found is not None and found.state in ("queued", "running") and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(wait)
        wait = min(0.5, 1.3 * wait)
        found = await run_in_threadpool(now)
    if found is None:
        raise HTTPException(404, "There is nothing here.")
    return _job_status(found)


def _job_status(job: Job) -> JobStatus:
    return JobStatus(job=job.id, state=job.state, reason=job.reason, result=job.result)
