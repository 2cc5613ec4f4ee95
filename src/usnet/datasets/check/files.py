"""Files against the table: unreadable, missing, listed twice, not listed, of another size, blank."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from usnet.datasets.check.context import Context, Item
from usnet.datasets.check.report import Problem
from usnet.images import find_images


def check_files(context: Context) -> Iterator[Problem]:
    """Problems of single files, then of the listing."""
    for item in context.items:
        problem = _readable(context, item) or _size(item) or _blank(item)
        if problem:
            yield problem
    yield from _repeated(context)
    yield from _unlisted(context)


def _readable(context: Context, item: Item) -> Problem | None:
    name, row = item.record.file_name, item.row
    path = context.dataset.path(item.record)
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        return Problem(item.harm, "file-name", "the name leads out of images/", name, row, "Copy the file into images/")
    if item.facts.error is None:
        return None
    if not path.exists():
        return Problem(item.harm, "missing-file", "no such file in images/", name, row, "Import again or drop the row")
    return Problem(item.harm, "unreadable-file", item.facts.error, name, row, "Copy or export the file again")


def _size(item: Item) -> Problem | None:
    record, found = item.record, item.size
    if found == (record.width, record.height):
        return None
    message = f"the file has {found[0]} x {found[1]} pixels, dataset.json says {record.width} x {record.height}"
    severity = item.harm if record.nodules else "warning"
    return Problem(
        severity, "image-size", message, record.file_name, item.row, "Boxes may be in other pixels: import again"
    )


def _blank(item: Item) -> Problem | None:
    if item.facts.descriptor is None or not item.facts.descriptor.blank:
        return None
    return Problem(item.harm, "blank-image", "one grey everywhere", item.record.file_name, item.row, "Export it again")


def _repeated(context: Context) -> Iterator[Problem]:
    names: dict[str, int] = {}
    ids: dict[int, int] = {}
    for item in context.items:
        record = item.record
        first = names.setdefault(record.file_name, item.row)
        if first != item.row:
            message = f"listed before in row {first}"
            yield Problem(item.harm, "listed-twice", message, record.file_name, item.row, "Drop one of the rows")
        first = ids.setdefault(record.image_id, item.row)
        if first != item.row:
            message = f"id {record.image_id} stands in row {first} too: both share their boxes"
            yield Problem("error", "repeated-id", message, record.file_name, item.row, "Give every image its own id")


def _unlisted(context: Context) -> Iterator[Problem]:
    folder = context.dataset.root / "images"
    if not folder.is_dir():
        return
    names = {item.record.file_name for item in context.items} | context.skipped
    listed = {PurePosixPath(name).as_posix() for name in names}
    for path in find_images([folder]):
        name = path.relative_to(folder).as_posix()
        if name not in listed:
            yield Problem(
                "warning", "unlisted-file", "in images/ but not in dataset.json", name, hint="List or remove it"
            )
