"""Views, boxes, assessments, reports and jobs by REST."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from usnet.store import jobs
from usnet.store.database import reading, writing
from usnet.store.jobs import Job
from usnet.web.diagnose import assess, exams
from usnet.web.diagnose.api_shapes import BUSY, ERRORS, Id, Number
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
WAIT = 15.0
"""Seconds that a request waits for its job before it says how far the job is."""


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


@router.get("/exams/{exam}/views/{view}", responses=ERRORS)
def one_view(request: Request, place: Place, user: CurrentUser, exam: Id, view: Id) -> ViewData:
    """Findings of every frame, at every operating point."""
    with reading(place.engine) as session:
        return view_data(session, exams.view_of(session, user, exam, view), request.app.state.facts)


@router.get(
    "/exams/{exam}/views/{view}/frames/{number}/picture",
    response_class=FileResponse,
    responses=ERRORS | {200: {"content": {"image/png": {}}}},
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


@router.post("/exams/{exam}/views/{view}/frames/{number}/score", responses=ERRORS | BUSY)
async def score(place: Place, user: CurrentUser, exam: Id, view: Id, number: Number, wanted: BoxToScore) -> JobStatus:
    """What the model says of a box that you drew. Waits up to 15 seconds; ask for the job afterwards."""
    job = await run_in_threadpool(_submit_score, place, user, exam, view, number, list(wanted.box))
    return await _settled(place, job)


@router.get("/exams/{exam}/views/{view}/assessment", responses=ERRORS)
def get_assessment(place: Place, user: CurrentUser, exam: Id, view: Id) -> Saved:
    """What the doctor wrote last."""
    with reading(place.engine) as session:
        exams.view_of(session, user, exam, view)
        return assess.latest(session, view)


@router.put(
    "/exams/{exam}/views/{view}/assessment",
    response_model=Saved,
    responses=ERRORS | {409: {"model": Saved, "description": "Somebody saved meanwhile: this is what they saved."}},
)
async def put_assessment(place: Place, user: CurrentUser, exam: Id, view: Id, given: Save) -> Any:
    """Save a new version; the answer comes when it is on disk."""

    def save(session: Session) -> Saved:
        return assess.save(session, place, user, exams.view_of(session, user, exam, view), given)

    try:
        return await place.saves.soon(save)
    except assess.Outdated as outdated:
        return JSONResponse(outdated.current.model_dump(), 409)


@router.get("/exams/{exam}/views/{view}/assessment/history", responses=ERRORS)
def assessment_history(place: Place, user: CurrentUser, exam: Id, view: Id) -> list[Saved]:
    """Every version, the newest first."""
    with reading(place.engine) as session:
        exams.view_of(session, user, exam, view)
        return assess.history(session, view)


@router.post("/exams/{exam}/reports", responses=ERRORS | BUSY)
async def make_report(request: Request, place: Place, user: CurrentUser, exam: Id, wanted: ReportWanted) -> JobStatus:
    """Make a report of an exam. Waits up to 15 seconds; fetch it at ``/api/exams/{exam}/reports/{job}``."""
    job = await run_in_threadpool(_submit_report, place, user, exam, wanted, language_of(request))
    return await _settled(place, job)


@router.get("/exams/{exam}/reports/{job}", response_class=FileResponse, responses=ERRORS)
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


@router.get("/jobs/{job}", responses=ERRORS)
def job_status(place: Place, user: CurrentUser, job: Number) -> JobStatus:
    """One of one's own jobs."""
    with reading(place.engine) as session:
        found = jobs.get(session, job)
        exam = session.get(Exam, found.payload.get("exam", "")) if found and found.kind in exams.KINDS else None
    owned(user, exam.owner if exam else None)
    if found is None:
        raise HTTPException(404, "There is nothing here.")
    return _job_status(found)


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

    wait, end = 0.05, asyncio.get_running_loop().time() + WAIT
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
