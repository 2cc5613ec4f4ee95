"""Annotations from another tool into an open project: a COCO file whose images have the project's names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from usnet.datasets.records import Dataset, load
from usnet.errors import DataError
from usnet.store.database import reading, writing
from usnet.store.worker import Refused
from usnet.web.annotate.bodies import Body, given_body
from usnet.web.annotate.projects import files_of
from usnet.web.annotate.saving import Save, current, save
from usnet.web.annotate.tables import Image, Project
from usnet.web.workplace import Workplace


def import_annotations(place: Workplace, wanted: dict[str, Any], alive: Callable[[], None]) -> dict[str, Any]:
    """Save what the file says as readings of the one who sent it. An image about which it says nothing is left as it is.

    Safe to run twice: the key of each save follows from the file.
    """
    project, reader, digest = wanted["project"], wanted["reader"], wanted["upload"]
    with reading(place.engine) as session:
        row = session.get(Project, project)
        images = {i.file_name: i for i in session.scalars(select(Image).where(Image.project == project))}
    if row is None:
        raise Refused("the project is gone")
    try:
        dataset = _read(place, project, digest)
    except (DataError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise Refused("the file is no COCO detection file that usnet can read") from error
    saved, unknown, refused = 0, 0, []
    for record in dataset.records:
        alive()
        image = images.get(record.file_name)
        body = given_body(record)
        if image is None:
            unknown += 1
        elif body.says_something:
            problem = body.problem(image.width, image.height)
            if problem:
                refused.append(f"image {image.position + 1}: {problem}")
            else:
                saved += _saved(place, row, image, body, reader, digest)
    return {"saved": saved, "unknown": unknown, "refused": refused[:100]}


def _read(place: Workplace, project: str, digest: str) -> Dataset:
    path = files_of(place, project).path(digest)
    named = path.with_name(f"{digest}.json")
    named.write_bytes(path.read_bytes())
    try:
        return load(named)
    finally:
        named.unlink(missing_ok=True)


def _saved(place: Workplace, project: Project, image: Image, body: Body, reader: str, digest: str) -> int:
    key = hashlib.sha256(f"{digest}:{image.id}:{reader}".encode()).hexdigest()
    with writing(place.engine) as session:
        now = current(session, project, image, reader)
        given = Save(key=key, version=now.version, finished=True, body=body)
        return int(save(session, place, project, image, given, author=reader, reader=reader).version > now.version)
