"""Read ``dataset.json`` row by row: a bad row becomes a problem, the rest is checked all the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usnet.datasets.check.report import Problem
from usnet.datasets.records import Dataset, ImageRecord, parse_nodule, parse_record, read_document
from usnet.errors import DataError
from usnet.values import Nodule


@dataclass(frozen=True, slots=True)
class Loaded:
    """The readable part of a dataset, the row of each record, and what could not be read."""

    dataset: Dataset
    rows: tuple[int, ...]
    problems: tuple[Problem, ...]


def load_leniently(root: Path) -> Loaded:
    """Read a dataset folder (or its ``dataset.json``).

    Raises
    ------
    DataError
        There is no such file, it is no JSON or has no list of images.
    """
    path = root if root.suffix == ".json" else root / "dataset.json"
    document = read_document(path)
    images = document["images"]
    names = {image.get("id"): image.get("file_name") for image in images if isinstance(image, dict)}
    problems: list[Problem] = []
    by_image = _nodules(document, names, path, problems)
    records: list[ImageRecord] = []
    rows: list[int] = []
    for row, image in enumerate(images, 1):
        try:
            records.append(_record(image, by_image, path, row))
            rows.append(row)
        except DataError as error:
            problems.append(
                _problem("bad-row", error, image.get("file_name") if isinstance(image, dict) else None, row)
            )
    name = (document.get("info") or {}).get("name") or path.parent.name
    return Loaded(Dataset(path.parent, name, tuple(records)), tuple(rows), tuple(problems))


def _nodules(
    document: dict[str, Any], names: dict[Any, Any], path: Path, problems: list[Problem]
) -> dict[Any, list[Nodule]]:
    categories = {c.get("id"): c.get("name") for c in document.get("categories", [])}
    by_image: dict[Any, list[Nodule]] = {}
    for row, annotation in enumerate(document.get("annotations", []), 1):
        image = annotation.get("image_id") if isinstance(annotation, dict) else None
        try:
            if image not in names:
                raise DataError(f"annotation of image id {image!r}, which is not listed", row=row)
            by_image.setdefault(image, []).append(parse_nodule(annotation, categories, path, row))
        except DataError as error:
            problems.append(_problem("bad-annotation", error, names.get(image), row))
    return by_image


def _record(image: Any, by_image: dict[Any, list[Nodule]], path: Path, row: int) -> ImageRecord:
    if not isinstance(image, dict):
        raise DataError(f"{image!r} is no image", expected="an object with id, file_name, width and height")
    if not isinstance(image.get("file_name", ""), str):
        raise DataError(f"file_name {image['file_name']!r}", expected="a text")
    return parse_record(image, tuple(by_image.get(image.get("id"), ())), path, row)


def _problem(kind: str, error: DataError, file: Any, row: int) -> Problem:
    hint = f"Expected {error.expected}. The row is left out of every other check" if error.expected else error.hint
    return Problem("error", kind, error.message, file if isinstance(file, str) else None, row, hint)
