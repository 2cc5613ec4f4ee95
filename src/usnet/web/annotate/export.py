"""A project as a dataset again: COCO alone, or a zip with the images, or a table of boxes."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.datasets.records import Dataset, ImageRecord, document_of
from usnet.reports.csv_table import guarded
from usnet.web.annotate.bodies import Body, nodules_of
from usnet.web.annotate.records import record_from
from usnet.web.annotate.tables import FINAL, Image, Project, Reading
from usnet.web.browse.places import safe_file

Which = Literal["decided", "mine"]
UNDECIDED = "not-adjudicated"
UNFINISHED = "not-annotated"
COLUMNS = (
    "image",
    "label",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "pathology",
    "birads",
    "image_birads",
    "note",
    "version",
)
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Row:
    """An image's record after annotation, what it rests on, and where the image file lies."""

    record: ImageRecord
    body: Body | None
    version: int


def rows(session: Session, project: Project, which: Which, reader: str) -> list[Row]:
    """Every image that could be read.

    ``decided`` takes the decision, else the one reader who finished it; images that several finished and nobody decided are
    excluded as ``not-adjudicated``. ``mine`` takes one reader's own. An image that nobody finished stays as the dataset has it
    if readers started from its boxes; otherwise it is unknown and excluded as ``not-annotated``.
    """
    images = list(session.scalars(select(Image).where(Image.project == project.id).order_by(Image.position)))
    readings: dict[str, dict[str, Reading]] = {}
    query = select(Reading).join(Image).where(Image.project == project.id, Reading.finished.is_(True))
    for said in session.scalars(query):
        readings.setdefault(said.image, {})[said.reader] = said
    return [_row(project, i, readings.get(i.id, {}), which, reader) for i in images if i.picture is not None]


def _row(project: Project, image: Image, said: dict[str, Reading], which: Which, reader: str) -> Row:
    record = record_from(image.record)
    alone = next(iter(said.values())) if len(said) == 1 else None
    chosen = said.get(reader) if which == "mine" else said.get(FINAL, alone)
    if chosen is not None:
        body = Body.model_validate_json(chosen.body)
        changed = replace(record, nodules=nodules_of(body, record), label=_label(body, record), birads=body.birads)
        return Row(changed, body, chosen.version)
    if which == "decided" and len(said) > 1:
        return Row(_unknown(record, UNDECIDED), None, 0)
    return Row(record if project.start == "given" else _unknown(record, UNFINISHED), None, 0)


def _label(body: Body, record: ImageRecord) -> Any:
    """The reader's; where every box is of unknown pathology, what the dataset says of the image if that is a pathology."""
    known = record.label if body.marks and record.label in ("benign", "malignant") else None
    return body.label or known


def _unknown(record: ImageRecord, why: str) -> ImageRecord:
    return replace(record, nodules=(), label=None, birads=None, exclude=record.exclude or why)


def document(project: Project, found: list[Row]) -> str:
    """``dataset.json``."""
    info: dict[str, Any] = {k: v for k, v in json.loads(project.info).items() if k not in ("name", "import_problems")}
    dataset = Dataset(Path(), project.name, tuple(row.record for row in found), info | {"annotated_with": "usnet"})
    return json.dumps(document_of(dataset), indent=1, ensure_ascii=False) + "\n"


def table(found: list[Row]) -> Iterator[str]:
    """CSV, a line a box and one for every image without; text that a spreadsheet would run gets a leading apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in found:
        shared = [row.record.birads, row.body.note if row.body else "", row.version]
        for nodule in row.record.nodules or (None,):
            box = [f"{v:.2f}" for v in nodule.box.as_list()] if nodule else [""] * 4
            what = [nodule.pathology, nodule.birads] if nodule else [None, None]
            writer.writerow([guarded(v) for v in (row.record.file_name, row.record.label, *box, *what, *shared)])
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()


def archive(project: Project, found: list[Row]) -> Iterator[bytes]:
    """A zip of the dataset folder, piece by piece: memory does not grow with it."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive_file:
        archive_file.writestr("dataset.json", document(project, found))
        yield sink.taken()
        for row in found:
            source = safe_file(Path(project.folder or "") / "images", row.record.file_name)
            with source.open("rb") as image, archive_file.open(_entry(row.record.file_name), "w") as member:
                while chunk := image.read(_CHUNK):
                    member.write(chunk)
                    yield sink.taken()
    yield sink.taken()


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"images/{name}", (1980, 1, 1, 0, 0, 0))


class _Sink(io.RawIOBase):
    """A file that cannot seek and gives away what was written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
