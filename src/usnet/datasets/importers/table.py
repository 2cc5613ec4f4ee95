"""The paper's annotation as a CSV: ``image, x, y, width, height, label, patient``, a row a nodule.

Optional columns: ``age`` (years), ``sex`` (female, male), ``birads``, ``histology``, ``diameter_mm``, ``device``, ``center``,
``view``, and ``spacing`` (millimetres a pixel: one number, or row and column as ``0.10 x 0.08``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from usnet.datasets.importers.common import Collector, ImportResult, Progress, number, read_table, try_size
from usnet.datasets.importers.truth import COLUMNS, RowError, Truth, agree, nodules, read_truths

IMAGE_COLUMNS = ("patient", "age", "sex", "device", "center", "view", "spacing")
NODULE_COLUMNS = ("birads", "histology", "diameter_mm")
SEX = {"female": "female", "f": "female", "w": "female", "woman": "female", "male": "male", "m": "male", "man": "male"}


def import_csv(
    source: Path, out: Path, *, images: Path | None = None, link: bool = False, progress: Progress | None = None
) -> ImportResult:
    """Import the table ``source``; image names are relative to ``images``, by default the table's folder or its ``images/``.

    Raises
    ------
    DataError
        The table is missing or lacks a column, or not one image could be read.
    """
    collector = Collector(source.parent, out, link)
    truths, _ = read_truths(collector, source)
    _unused_columns(collector, source)
    folders = [images] if images else [source.parent, source.parent / "images"]
    for done, (name, rows) in enumerate(truths.items(), 1):
        try:
            _add(collector, folders, name, rows)
        except ValueError as error:
            collector.leave_out(source, f"{name}: {error}", error.row if isinstance(error, RowError) else rows[0].row)
        if progress:
            progress(done, len(truths))
    return collector.finish(source.stem, {"title": source.name})


def _unused_columns(collector: Collector, source: Path) -> None:
    known = {*COLUMNS, *IMAGE_COLUMNS, *NODULE_COLUMNS}
    first = next(iter(read_table(source, COLUMNS)), None)
    for column in (c for c in (first[1] if first else ()) if c not in known and c != "None"):
        collector.note(source, f"column {column!r} is not used", 1)


def find_image(folders: list[Path], name: str) -> Path:
    """The file ``name`` in the first folder that has it.

    Raises
    ------
    ValueError
        ``name`` leaves its folder.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError("image names must stay inside the image folder")
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


def _add(collector: Collector, folders: list[Path], name: str, rows: list[Truth]) -> None:
    shared = agree(rows, IMAGE_COLUMNS)
    path = find_image(folders, name)
    size = try_size(collector, path, rows[0].row)
    if size is None:
        return
    label, found = nodules(rows, size)
    own = image_fields(collector, shared, rows[0])
    collector.add(path, name, size, label, found, source_name=name, **own)


def image_fields(collector: Collector, shared: dict[str, str], first: Truth) -> dict[str, Any]:
    """Fields of the image record; an optional value that cannot be read is noted and becomes unknown."""
    age, sex = number(shared["age"]), SEX.get(shared["sex"].lower())
    spacing = _spacing(shared["spacing"])
    for column, value in (("age", age), ("sex", sex), ("spacing", spacing)):
        if shared[column] and value is None:
            collector.note(first.values["image"], f"{column} {shared[column]!r} taken as unknown", first.row)
    one = first.values
    return {
        "patient_id": shared["patient"] or None,
        "age": age,
        "sex": sex,
        "device": shared["device"] or None,
        "center": shared["center"] or None,
        "view": shared["view"] or None,
        "birads": one.get("birads") or None,
        "histology": one.get("histology") or None,
        "spacing_mm": spacing,
    }


def _spacing(text: str) -> tuple[float, float] | None:
    values = [number(part) for part in re.split(r"\s*[x;\s]\s*", text.strip())] if text.strip() else []
    good = [v for v in values if v is not None and v > 0]
    if len(good) != len(values) or len(good) not in (1, 2):
        return None
    return good[0], good[-1]
