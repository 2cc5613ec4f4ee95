"""An uploaded zip or COCO file to a dataset folder, within bounds: names of a zip become paths only after they were looked at."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from usnet.datasets.importers import import_coco
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.errors import DataError, UnreadableImage
from usnet.images import is_image, read
from usnet.web.diagnose.intake import LARGEST_RATIO, MOST_BYTES, is_zip, refused

MOST_MEMBERS = 20_000
_CHUNK = 1 << 18


def unpack(upload: Path, out: Path, alive: Callable[[], None]) -> Dataset:
    """Make the dataset folder ``out`` of a zip with images and, where there is one, a COCO file.

    Raises
    ------
    DataError
        No zip, a damaged or hostile one, several COCO files, or no image in it.
    """
    shutil.rmtree(out, ignore_errors=True)
    raw = out.with_name("unpacked")
    shutil.rmtree(raw, ignore_errors=True)
    if not is_zip(upload):
        raise DataError("this is no zip", expected="a zip with images and, if there are annotations, one COCO file")
    try:
        with zipfile.ZipFile(upload) as archive:
            _extract(archive, raw, alive)
        return _dataset(raw, out, alive)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DataError(f"the zip is damaged ({type(error).__name__})") from error
    finally:
        shutil.rmtree(raw, ignore_errors=True)


def _extract(archive: zipfile.ZipFile, raw: Path, alive: Callable[[], None]) -> None:
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _hidden(entry.filename)]
    if len(entries) > MOST_MEMBERS or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise DataError(
            f"the zip holds {len(entries)} files, {sum(e.file_size for e in entries) >> 20} MiB unpacked",
            expected=f"at most {MOST_MEMBERS} files and {MOST_BYTES >> 20} MiB",
        )
    for entry in entries:
        alive()
        reason = refused(entry)
        if reason is not None:
            raise DataError(
                f"the zip was refused: a file in it, {reason}", hint=f"Unpacked to packed: at most {LARGEST_RATIO}"
            )
        target = raw / PurePosixPath(entry.filename.replace("\\", "/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as stream, target.open("xb") as file:
            left = entry.file_size
            while chunk := stream.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise DataError("the zip was refused: it lies about a file's size")
                file.write(chunk)


def _dataset(raw: Path, out: Path, alive: Callable[[], None]) -> Dataset:
    coco = [path for path in sorted(raw.rglob("*.json")) if looks_like_coco(path)]
    if len(coco) > 1:
        raise DataError(f"{len(coco)} COCO files in the zip", expected="one, or none")
    if coco:
        return import_coco(coco[0], out, link=True, progress=lambda _done, _all: alive()).dataset
    return _images_alone(raw, out, alive)


def _images_alone(raw: Path, out: Path, alive: Callable[[], None]) -> Dataset:
    """A dataset of images of which nothing is known."""
    from PIL import Image

    records: list[ImageRecord] = []
    for path in sorted(p for p in raw.rglob("*") if p.is_file() and is_image(p)):
        alive()
        name = str(path.relative_to(raw))
        try:
            frame = read(path, name=name)
        except UnreadableImage:
            continue
        name = name if path.suffix.lower() in (".png", ".jpg", ".jpeg") else f"{name}.png"
        target = out / "images" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png") and path.suffix.lower() != ".png":
            Image.fromarray(frame.pixels).save(target)
        else:
            shutil.move(path, target)
        records.append(
            ImageRecord(len(records) + 1, name, frame.width, frame.height, None, spacing_mm=frame.spacing_mm)
        )
    if not records:
        raise DataError("no image in the zip", expected="PNG, JPEG, BMP, TIFF or DICOM files")
    dataset = Dataset(out, "upload", tuple(records))
    save(dataset)
    return dataset


def looks_like_coco(path: Path) -> bool:
    """Whether a file is JSON with a list ``images``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("images"), list)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part not in ("..", ".") for part in PurePosixPath(name).parts)
