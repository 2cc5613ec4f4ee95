"""Annotations by REST: what the page uses, and programs may."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from usnet.store import jobs
from usnet.store.database import reading, writing
from usnet.store.jobs import Job
from usnet.web import uploads
from usnet.web.annotate import lists, projects, saving
from usnet.web.annotate.decisions import others
from usnet.web.annotate.saving import Save, Saved
from usnet.web.annotate.shapes import Accepted, Id, Progress, Row, Suggestion, Work
from usnet.web.annotate.tables import FINAL, Image, Project
from usnet.web.diagnose.api_shapes import BUSY, ERRORS, FILE
from usnet.web.guard import Place, audit, require
from usnet.web.queueing import check_room, submit_job
from usnet.web.roles import User
from usnet.web.workplace import Workplace

router = APIRouter(prefix="/api/annotate", tags=["annotate"])
Annotator = Annotated[User, require("annotator")]
Administrator = Annotated[User, require("administrator")]
As = Annotated[Literal["me", "final"], Query(alias="as", description="one's own reading, or the decision")]
JobId = Annotated[int, Path(ge=0, le=2_147_483_647)]
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Saved, "description": "Another page saved meanwhile: this is what it saved."}
}


def reader_of(session: Session, user: User, project: str, whose: str) -> str:
    """Whose reading a request is about; 403 where only adjudicators may decide."""
    if whose == "me":
        return user.id
    if not projects.adjudicates(session, user, project):
        raise HTTPException(403, "Only adjudicators decide.")
    return FINAL


@router.get("/{project}", responses=ERRORS)
def progress(place: Place, user: Annotator, project: Id) -> Progress:
    """How far the dataset has been read."""
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        state, reason = lists.state_of(session, row)
    return Progress(project=project, state=state, reason=reason, done=row.done, total=row.total)


@router.get("/{project}/images", responses=ERRORS)
def images(place: Place, user: Annotator, project: Id, whose: As = "me") -> list[Row]:
    """Every image, as one left it."""
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        return lists.rows(session, row, reader_of(session, user, project, whose))


@router.get("/{project}/images/{image}", responses=ERRORS)
def work(place: Place, user: Annotator, project: Id, image: Id, whose: As = "me") -> Work:
    """One image: what one said of it last, the model's suggestions, and for a decision what each reader said."""
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        picture = projects.image_of(session, project, image)
        reader = reader_of(session, user, project, whose)
        said = saving.current(session, row, picture, reader)
        rest = others(session, image) if reader == FINAL else []
    if picture.picture is None:
        raise HTTPException(404, f"This image could not be read: {picture.reason or 'not yet'}")
    return Work(
        image=image,
        number=picture.position + 1,
        name=picture.file_name,
        width=picture.width,
        height=picture.height,
        picture=f"/api/annotate/{project}/images/{image}/picture",
        version=said.version,
        finished=said.finished,
        body=said.body,
        suggestions=_suggestions(row, picture),
        others=rest,
    )


def _suggestions(project: Project, image: Image) -> list[Suggestion] | None:
    if not project.suggestions or image.suggestions is None:
        return None
    return [Suggestion(**finding) for finding in json.loads(image.suggestions)["findings"]]


@router.put("/{project}/images/{image}", response_model=Saved, responses=ERRORS | CONFLICT)
async def put(place: Place, user: Annotator, project: Id, image: Id, given: Save, whose: As = "me") -> Any:
    """Save a new version. The answer comes when it is on disk; the same ``key`` sent again changes nothing."""

    def save(session: Session) -> Saved:
        row = projects.project_of(session, user, project)
        picture = projects.image_of(session, project, image)
        reader = reader_of(session, user, project, whose)
        return saving.save(session, place, row, picture, given, author=user.id, reader=reader)

    try:
        try:
            return await place.saves.soon(save)
        except IntegrityError:  # PostgreSQL: another page wrote this version between our look and our insert
            return await place.saves.soon(save)
    except saving.Outdated as outdated:
        return JSONResponse(outdated.current.model_dump(), 409)


@router.get("/{project}/images/{image}/{size}", response_class=FileResponse, responses=ERRORS)
def picture(place: Place, user: Annotator, project: Id, image: Id, size: Literal["picture", "thumb"]) -> Response:
    """The image as PNG, or small as JPEG."""
    with reading(place.engine) as session:
        projects.project_of(session, user, project)
        row = projects.image_of(session, project, image)
    name, kind = (row.picture, "image/png") if size == "picture" else (row.thumb, "image/jpeg")
    if name is None:
        raise HTTPException(404, "There is no picture of this image.")
    headers = {"cache-control": "private, max-age=3600"}
    return FileResponse(projects.files_of(place, project).path(name), media_type=kind, headers=headers)


@router.post("/{project}/images/{image}/suggest", status_code=202, responses=ERRORS | BUSY)
def suggest(place: Place, user: Annotator, project: Id, image: Id) -> Accepted:
    """Ask the model about an image. Ask again until the state is done; the boxes are then part of the image."""
    with writing(place.engine) as session:
        row = projects.project_of(session, user, project)
        projects.image_of(session, project, image)
        if not row.suggestions:
            raise HTTPException(403, "This project shows no suggestions.")
        job = submit_job(session, place, projects.SUGGEST, image, {"image": image})
    return _accepted(job)


@router.post("/{project}/import", status_code=202, responses=ERRORS | BUSY, openapi_extra=FILE)
async def bring(request: Request, place: Place, user: Annotator, project: Id) -> Accepted:
    """Send a file as the body. To a project that waits for its images: a zip with them and, if there is one, a COCO file. To
    an open one: a COCO file, whose boxes become one's own readings."""
    await run_in_threadpool(_may_send, place, user, project)
    digest, size = await uploads.receive(request, projects.files_of(place, project), place.settings.max_upload)
    return _accepted(await run_in_threadpool(_sent, place, user, project, digest, size))


@router.get("/{project}/import/{job}", responses=ERRORS)
def brought(place: Place, user: Annotator, project: Id, job: JobId) -> Accepted:
    """How far an import is."""
    with reading(place.engine) as session:
        projects.project_of(session, user, project)
        found = jobs.get(session, job)
    mine = (
        found is not None
        and found.payload.get("project") == project
        and found.kind in (projects.IMPORT, projects.PREPARE)
    )
    if not mine or found is None or found.payload.get("reader", user.id) != user.id:
        raise HTTPException(404, "There is nothing here.")
    return _accepted(found)


def _may_send(place: Workplace, user: User, project: str) -> None:
    with reading(place.engine) as session:
        row = projects.project_of(session, user, project)
        check_room(session, place)
    if row.state not in ("open", "ready"):
        raise HTTPException(409, "This project is being read, or could not be.")
    if row.state == "open" and not user.is_administrator:
        raise HTTPException(403, "Only administrators send images.")


def _sent(place: Workplace, user: User, project: str, digest: str, size: int) -> Job:
    with writing(place.engine) as session:
        row = projects.project_of(session, user, project)
        payload = {"project": project, "upload": digest}
        if row.state == "open":
            row.state = "queued"
            job = submit_job(session, place, projects.PREPARE, project, payload)
        else:
            payload["reader"] = user.id
            job = submit_job(session, place, projects.IMPORT, f"{project}:{user.id}:{digest}", payload)
        audit(session, place, user, "annotation file sent", project=project, sha256=digest, bytes=size)
    return job


def _accepted(job: Job) -> Accepted:
    return Accepted(job=job.id, state=job.state, reason=job.reason, result=job.result)
