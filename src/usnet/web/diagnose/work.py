"""What workers do for the diagnose pages."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image
from sqlalchemy import delete, select

from usnet.diagnosis.sources import Item
from usnet.errors import DataError, UnreadableImage
from usnet.images import frame_count, read
from usnet.reports.one_json import to_json
from usnet.store.blobs import Blobs
from usnet.store.database import reading, writing
from usnet.store.jobs import Job
from usnet.store.worker import Refused
from usnet.values import Box, Diagnosis, Failure, Frame
from usnet.web.diagnose.anyway import ANYWAY, REFUSED, complaint, warned, was_overruled
from usnet.web.diagnose.exams import DIAGNOSE, REPORT, SCORE, progress
from usnet.web.diagnose.intake import Source, sources
from usnet.web.diagnose.model import Model
from usnet.web.diagnose.report_work import make_report
from usnet.web.diagnose.viewdata import diagnoses
from usnet.web.tables import Exam, ExamFile, View, ViewFrame
from usnet.web.workplace import Workplace

Handler = Callable[[Job], dict[str, Any] | None]
MOST_FRAMES = 4000
"""Of one exam; two minutes of cine."""
_TELL = 0.5


class _Gone(Exception):
    """The exam was deleted while its job ran."""


def handlers(place: Workplace, alive: Callable[[], None]) -> dict[str, Handler]:
    """Job kinds of this room."""
    model = Model(place.settings.bundle)

    def diagnose(job: Job) -> dict[str, Any] | None:
        wanted = job.payload
        reading = _Reading(place, model, wanted["exam"], alive, gate=job.kind == DIAGNOSE and wanted.get("gate", True))
        try:
            return reading.again(wanted["view"]) if job.kind == ANYWAY else reading.run()
        except _Gone:
            return {"deleted": True}

    return {
        DIAGNOSE: diagnose,
        ANYWAY: diagnose,
        SCORE: lambda job: score(place, model, job),
        REPORT: lambda job: make_report(place, model, job, alive),
    }


@dataclass(slots=True)
class _Found:
    """A view being read."""

    row: View
    frames: list[ViewFrame] = field(default_factory=list)


class _Reading:
    """Reads one exam: every file, every frame. All rows appear together at the end, so that a killed worker leaves nothing half."""

    def __init__(
        self, place: Workplace, model: Model, exam: str, alive: Callable[[], None], *, gate: bool = True
    ) -> None:
        self._place, self._exam, self._alive = place, exam, alive
        self._gate = model.diagnoser.gate
        self._overruled, self._diagnoser = not gate, model.diagnoser if gate else model.ungated
        self._files: Blobs = place.files(exam)
        self._done, self._total, self._told = 0, 0, 0.0

    def run(self) -> dict[str, Any]:
        """Read everything and store it."""
        with reading(self._place.engine) as session:
            rows = list(
                session.scalars(select(ExamFile).where(ExamFile.exam == self._exam).order_by(ExamFile.position))
            )
        if not rows:
            raise _Gone
        found = [s for row in rows for s in sources(self._files, row.name, row.sha256, self._alive)]
        self._total = sum(self._frames(source) for source in found)
        self._tell(now=True)
        views = [self._view(source, position) for position, source in enumerate(found)]
        self._store(views)
        return {"views": sum(v.row.reason is None for v in views), "frames": self._done}

    def again(self, view: str) -> dict[str, Any]:
        """Read one view anew, in its place; what a doctor wrote about it stays."""
        with reading(self._place.engine) as session:
            old = session.get(View, view)
        if old is None:
            raise _Gone
        source = Source(old.name, old.sha256)
        self._total = self._frames(source)
        self._tell(now=True)
        found = self._view(source, old.position, view)
        with writing(self._place.engine) as session:
            exam = session.get(Exam, self._exam)
            if exam is None or session.get(View, view) is None:
                raise _Gone
            session.execute(delete(ViewFrame).where(ViewFrame.view == view))
            session.merge(found.row)
            session.add_all(found.frames)
            exam.state, exam.reason = "done", None
        return {"views": int(bool(found.frames)), "frames": self._done}

    def _frames(self, source: Source) -> int:
        with suppress(UnreadableImage):
            return frame_count(self._files.path(source.sha256)) if source.reason is None else 0
        return 0

    def _view(self, source: Source, position: int, key: str | None = None) -> _Found:
        row = View(
            id=key or uuid.uuid4().hex,
            exam=self._exam,
            position=position,
            name=source.name[:255],
            sha256=source.sha256,
            frames=0,
            width=0,
            height=0,
            spacing_row=None,
            spacing_column=None,
            spacing_source=None,
            reason=source.reason,
        )
        view = _Found(row)
        if source.reason is None:
            self._read(view, source)
        return view

    def _read(self, view: _Found, source: Source) -> None:
        path = self._files.path(source.sha256)
        # The name of the result is the place in the exam, not the file's: it travels into reports and DICOM objects.
        item = Item(path, image_id=f"view {view.row.position + 1}")
        for result in self._diagnoser.stream_frames([item], batch_size=2):
            self._alive()
            if isinstance(result, Failure):
                refused = self._refusal(source, len(view.frames))
                view.row.reason = REFUSED + refused if refused else result.reason.replace(str(path), "the file")
                break
            if self._done >= MOST_FRAMES:
                view.row.reason = f"an exam may have {MOST_FRAMES} frames; the rest was not read"
                break
            self._keep(view, *result)
            self._done += 1
            self._tell()
        view.row.frames = len(view.frames)

    def _refusal(self, source: Source, number: int) -> str | None:
        """What the gate has against the frame at which reading ended; ``None`` where something else ended it."""
        with suppress(UnreadableImage):
            frame = read(self._files.path(source.sha256), frame=number, name="the file")
            return None if self._overruled else complaint(self._gate, frame)
        return None

    def _keep(self, view: _Found, frame: Frame, diagnosis: Diagnosis) -> None:
        row = view.row
        row.width, row.height, row.spacing_source = frame.width, frame.height, frame.spacing_source
        row.spacing_row, row.spacing_column = frame.spacing_mm or (None, None)
        why = complaint(self._gate, frame) if self._overruled else None
        said = to_json(warned(replace(diagnosis, source=f"view {row.position + 1}"), why))
        picture = self._files.put([_png(frame)])
        view.frames.append(ViewFrame(view=row.id, number=len(view.frames), picture=picture, diagnosis=said))

    def _store(self, views: list[_Found]) -> None:
        with writing(self._place.engine) as session:
            exam = session.get(Exam, self._exam)
            if exam is None:
                raise _Gone
            session.execute(delete(View).where(View.exam == self._exam))
            for view in views:
                session.add(view.row)
            session.flush()
            session.add_all(frame for view in views for frame in view.frames)
            readable = any(view.frames for view in views)
            exam.state, exam.done, exam.total = "done" if readable else "failed", self._done, self._done
            exam.reason = None if readable else next((v.row.reason for v in views if v.row.reason), None)

    def _tell(self, *, now: bool = False) -> None:
        if now or time.monotonic() - self._told > _TELL:
            self._told = time.monotonic()
            if not progress(self._place, self._exam, self._done, max(self._total, self._done)):
                raise _Gone


def score(place: Workplace, model: Model, job: Job) -> dict[str, Any]:
    """What the model says of a box that somebody drew on a frame."""
    with reading(place.engine) as session:
        view = session.get(View, job.payload["view"])
        said = diagnoses(session, job.payload["view"])
    if view is None or not 0 <= job.payload["frame"] < len(said):
        raise Refused("the view is gone")
    box = Box(*job.payload["box"])
    diagnoser = model.ungated if was_overruled(said[job.payload["frame"]][0]) else model.diagnoser
    try:
        frame = read(place.files(view.exam).path(view.sha256), frame=job.payload["frame"], name="the image")
        found = diagnoser.score_box(frame, box)
    except (UnreadableImage, DataError) as error:
        raise Refused(str(error)) from error
    return {
        "box": found.box.as_list(),
        "score": found.score,
        "probability": found.probability,
        "size_mm": None if found.size_mm is None else list(found.size_mm),
    }


def _png(frame: Frame) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame.pixels).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()
