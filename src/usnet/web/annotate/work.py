"""What workers do for the annotate pages: read datasets and uploads, make pictures, ask the model."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from usnet.datasets.records import Dataset, ImageRecord, load
from usnet.errors import UnreadableImage, UsnetError
from usnet.images import read
from usnet.store.blobs import Blobs
from usnet.store.database import reading, writing
from usnet.store.jobs import Job
from usnet.store.worker import Refused
from usnet.web.annotate.incoming import import_annotations
from usnet.web.annotate.projects import IMPORT, PREPARE, SUGGEST, files_of, folder_of
from usnet.web.annotate.records import record_text
from usnet.web.annotate.tables import Image, Project
from usnet.web.annotate.unpack import unpack
from usnet.web.browse.pictures import jpeg, png
from usnet.web.browse.places import inside, safe_file
from usnet.web.diagnose.model import Model
from usnet.web.workplace import Workplace

Handler = Callable[[Job], dict[str, Any] | None]
_TOGETHER = 20
"""Images whose pictures are noted in one transaction."""


def handlers(place: Workplace, alive: Callable[[], None]) -> dict[str, Handler]:
    """Job kinds of this room."""
    model = Model(place.settings.bundle)
    return {
        PREPARE: lambda job: _told(place, job.payload["project"], lambda: prepare(place, job.payload, alive)),
        IMPORT: lambda job: import_annotations(place, job.payload, alive),
        SUGGEST: lambda job: suggest(place, model, job.payload["image"]),
    }


def _told(place: Workplace, project: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work; what no retry can mend is written into the project too."""
    try:
        return work()
    except UsnetError as error:
        with writing(place.engine) as session:
            session.execute(update(Project).where(Project.id == project).values(state="failed", reason=str(error)))
        raise Refused(str(error)) from error


def prepare(place: Workplace, wanted: dict[str, Any], alive: Callable[[], None]) -> dict[str, Any]:
    """Read a project's dataset: a row an image first, then the pictures. Goes on where a killed worker stopped."""
    project = _begun(place, wanted["project"])
    if project is None:
        return {"deleted": True}
    folder = _unpacked(place, project, wanted.get("upload"), alive)
    if not _listed(place, project.id):
        dataset = load(folder)
        _list(place, project.id, folder, dataset)
    done = _draw(place, project.id, folder, alive)
    with writing(place.engine) as session:
        session.execute(
            update(Project).where(Project.id == project.id).values(state="ready", reason=None, done=done, total=done)
        )
    if wanted.get("upload"):
        files_of(place, project.id).remove(wanted["upload"])
    return {"images": done}


def _begun(place: Workplace, project: str) -> Project | None:
    with writing(place.engine) as session:
        row = session.get(Project, project)
        if row is not None:
            row.state, row.reason = "running", None
        return row


def _unpacked(place: Workplace, project: Project, upload: str | None, alive: Callable[[], None]) -> Path:
    """The dataset's folder."""
    if project.source == "disk":
        folder = Path(project.folder or "")
        if not inside(place, folder):
            raise Refused("the dataset lies outside the folders that this server may open")
        return folder
    folder = folder_of(place, project.id) / "dataset"
    if upload is not None and not _listed(place, project.id):
        unpack(files_of(place, project.id).path(upload), folder, alive)
    return folder


def _listed(place: Workplace, project: str) -> bool:
    with reading(place.engine) as session:
        return session.scalar(select(Image.id).where(Image.project == project).limit(1)) is not None


def _list(place: Workplace, project: str, folder: Path, dataset: Dataset) -> None:
    with writing(place.engine) as session:
        if session.get(Project, project) is None:
            return
        session.add_all(_row(project, position, record) for position, record in enumerate(dataset.records))
        session.execute(
            update(Project)
            .where(Project.id == project)
            .values(
                folder=str(folder), total=len(dataset.records), info=json.dumps(dataset.info | {"name": dataset.name})
            )
        )


def _row(project: str, position: int, record: ImageRecord) -> Image:
    return Image(
        id=uuid.uuid4().hex,
        project=project,
        position=position,
        file_name=record.file_name,
        width=record.width,
        height=record.height,
        record=record_text(record),
    )


def _draw(place: Workplace, project: str, folder: Path, alive: Callable[[], None]) -> int:
    """Pictures of all images that have none yet; returns the number of images."""
    files = files_of(place, project)
    with reading(place.engine) as session:
        rows = list(session.scalars(select(Image).where(Image.project == project).order_by(Image.position)))
    waiting = [row for row in rows if row.picture is None and row.reason is None]
    done = len(rows) - len(waiting)
    for start in range(0, len(waiting), _TOGETHER):
        part = waiting[start : start + _TOGETHER]
        values = []
        for row in part:
            alive()
            values.append((row.id, _pictures(files, folder, row)))
        done += len(part)
        with writing(place.engine) as session:
            for image, found in values:
                session.execute(update(Image).where(Image.id == image).values(**found))
            session.execute(update(Project).where(Project.id == project).values(done=done))
    return len(rows)


def _pictures(files: Blobs, folder: Path, row: Image) -> dict[str, str]:
    try:
        frame = read(safe_file(folder / "images", row.file_name), name="the file")
    except (UnreadableImage, UsnetError) as error:
        return {"reason": str(error)}
    if (frame.width, frame.height) != (row.width, row.height):
        return {
            "reason": f"the file has {frame.width} x {frame.height} pixels, the dataset says {row.width} x {row.height}: "
            "its boxes cannot be trusted"
        }
    return {"picture": files.put([png(frame)]), "thumb": files.put([jpeg(frame)])}


def suggest(place: Workplace, model: Model, image: str) -> dict[str, Any]:
    """What the model says of an image, at its default operating point."""
    with reading(place.engine) as session:
        row = session.get(Image, image)
    if row is None or row.picture is None:
        raise Refused("the image is gone, or could not be read")
    started = time.monotonic()
    said = model.diagnoser.diagnose(files_of(place, row.project).path(row.picture))
    found = [
        {"box": f.box.as_list(), "score": f.score, "probability": f.probability, "label": f.label}
        for f in said.findings
    ]
    text = json.dumps({"model": said.model.name, "sha256": said.model.sha256, "label": said.label, "findings": found})
    with writing(place.engine) as session:
        session.execute(update(Image).where(Image.id == image).values(suggestions=text))
    return {"findings": len(found), "seconds": round(time.monotonic() - started, 3)}
