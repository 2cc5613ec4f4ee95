"""The job that makes a report: HTML, JSON, PDF, or the DICOM objects of an exam in a zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any, Literal, get_args

from sqlalchemy import select

from usnet.errors import DataError, MissingExtra, UnreadableImage
from usnet.images import read
from usnet.reports.pdf import pdf
from usnet.store.database import reading
from usnet.store.jobs import Job
from usnet.store.worker import Refused
from usnet.values import OperatingPoint
from usnet.web.diagnose import report
from usnet.web.diagnose.assess import latest
from usnet.web.diagnose.model import Model
from usnet.web.diagnose.points import at_point
from usnet.web.diagnose.report import Part
from usnet.web.diagnose.viewdata import diagnoses, points_for
from usnet.web.tables import View
from usnet.web.workplace import Workplace

Format = Literal["html", "pdf", "json", "dicom"]
FORMATS: tuple[Format, ...] = get_args(Format)
TYPES: dict[Format, tuple[str, str]] = {
    "html": ("text/html; charset=utf-8", "html"),
    "pdf": ("application/pdf", "pdf"),
    "json": ("application/json", "json"),
    "dicom": ("application/zip", "zip"),
}
"""Media type and extension."""


def make_report(place: Workplace, model: Model, job: Job, alive: Callable[[], None]) -> dict[str, Any]:
    """Make one report and put it into the exam's folder; the result names it by its sha256."""
    exam, kind = job.payload["exam"], job.payload["format"]
    parts, failed, point = _content(place, model, exam, job.payload["point"])
    if not parts:
        raise Refused("no view of this exam could be read")
    alive()
    try:
        content = _made(place, exam, kind, parts, failed, point, job.payload["language"], alive)
    except (MissingExtra, DataError) as error:
        raise Refused(str(error)) from error
    return {"sha256": place.files(exam).put([content]), "bytes": len(content)}


def _content(place: Workplace, model: Model, exam: str, name: str) -> tuple[list[Part], list[View], OperatingPoint]:
    parts, failed, point = [], [], model.facts.point(name)
    with reading(place.engine) as session:
        for view in session.scalars(select(View).where(View.exam == exam).order_by(View.position)).all():
            said = diagnoses(session, view.id)
            if not said:
                failed.append(view)
                continue
            known = {p.name: p for p in points_for(model.facts, said[0][0])}
            point = known.get(name, said[0][0].operating_point)
            shown = tuple(at_point(diagnosis, point) for diagnosis, _ in said)
            parts.append(Part(view, shown, tuple(p for _, p in said), latest(session, view.id)))
    return parts, failed, point


def _made(
    place: Workplace,
    exam: str,
    kind: Format,
    parts: list[Part],
    failed: list[View],
    point: OperatingPoint,
    language: str,
    alive: Callable[[], None],
) -> bytes:
    if kind == "json":
        return report.as_json(exam, parts, failed, point).encode()
    if kind == "dicom":
        return _dicom(place, exam, parts, alive)
    document = report.html(exam, parts, failed, point, place.files(exam), language)
    return document.encode() if kind == "html" else pdf(document)


def _dicom(place: Workplace, exam: str, parts: list[Part], alive: Callable[[], None]) -> bytes:
    """SR, secondary capture, presentation state, segmentation and key object of every view that came as DICOM.

    Raises
    ------
    DataError
        None did: a PNG has no patient and study that an object could belong to.
    MissingExtra
        The extra ``dicom`` is not installed.
    """
    from usnet import dicom
    from usnet.dicom.source import header, is_dicom
    from usnet.extras import need

    need("highdicom", extra="dicom", feature="DICOM results")
    files, buffer, count = place.files(exam), io.BytesIO(), 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            path = files.path(part.view.sha256)
            if not is_dicom(path):
                continue
            try:
                key = read(path, frame=part.key, name=f"view {part.view.position + 1}")
                instance = dicom.Instance(header(path), part.diagnoses, key)
            except UnreadableImage as error:
                raise DataError(str(error)) from error
            for kind in ("sr", "sc", "pr", "seg", "ko"):
                alive()
                made = dicom.make(instance, kind)
                if made.dataset is not None:
                    count += 1
                    archive.writestr(f"view_{part.view.position + 1}_{kind}.dcm", _bytes(made.dataset))
    if not count:
        raise DataError("no view of this exam came as DICOM", hint="DICOM results belong to a patient and a study")
    return buffer.getvalue()


def _bytes(dataset: Any) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
