"""Datasets made small and put into one file, to be carried to a machine that trains.

A pack is a zip of ordinary dataset folders, one a dataset, whose images were scaled down to ``longest`` pixels and saved as grey
JPEG; boxes and millimetres a pixel are scaled with them. :func:`unpack` gives the folders back.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from PIL import Image

from usnet import images
from usnet.datasets.importers.common import require_empty
from usnet.datasets.records import Dataset, ImageRecord, document_of, load
from usnet.errors import ConfigError, DataError
from usnet.values import Box, Frame

MARK = "usnet-pack.json"
LARGEST = 4 << 30
"""Bytes that a pack may unfold to."""


def pack(
    datasets: Sequence[Dataset],
    out: Path,
    *,
    longest: int = 288,
    quality: int = 90,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the images of ``datasets`` that are in split train or val, and not excluded, to the zip ``out``.

    Parameters
    ----------
    longest
        Pixels of the longer side, at least the network's input; smaller images stay as they are.
    quality
        Of the JPEG. It is written into each dataset's ``info``.

    Raises
    ------
    ConfigError
        Two datasets share a name.
    DataError
        No image is in split train or val.
    UnreadableImage
        An image cannot be read.
    """
    names = [d.name for d in datasets]
    if len(set(names)) < len(names):
        raise ConfigError(f"datasets {', '.join(names)}", expected="a different name each")
    chosen = [d.with_records(r for r in d.select().records if r.split in ("train", "val")) for d in datasets]
    total = sum(len(d.records) for d in chosen)
    if not total:
        raise DataError("no image in split train or val", hint="Run 'usnet data split' first")
    settings = {"longest": longest, "jpeg_quality": quality}
    partial = out.with_name(out.name + ".partial")
    done = 0
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MARK, json.dumps({"datasets": names} | settings))
        for dataset in chosen:
            records = []
            for record in dataset.records:
                small, content = _shrink(images.read(dataset.path(record)), record, longest, quality)
                archive.writestr(f"{dataset.name}/images/{small.file_name}", content)
                records.append(small)
                done += 1
                if progress:
                    progress(done, total)
            info = dataset.info | {"packed": settings | {"fingerprint": dataset.fingerprint()}}
            packed = replace(dataset, records=tuple(records), info=info)
            archive.writestr(f"{dataset.name}/dataset.json", json.dumps(document_of(packed), ensure_ascii=False))
    partial.replace(out)
    return out


def unpack(source: Path, folder: Path) -> list[Dataset]:
    """Write a pack's datasets into the new folder ``folder`` and load them.

    Raises
    ------
    DataError
        The file is no pack, a name in it leads out of the folder, or it unfolds to more than 4 GiB.
    """
    require_empty(folder)
    try:
        with zipfile.ZipFile(source) as archive:
            names = json.loads(archive.read(MARK))["datasets"]
            _check(archive, source)
            archive.extractall(folder)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"no pack ({error})", source=source, expected="a file that 'usnet data pack' wrote", hint="Pack it again"
        ) from error
    return [load(folder / name) for name in names]


def _check(archive: zipfile.ZipFile, source: Path) -> None:
    for entry in archive.infolist():
        parts = PurePosixPath(entry.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts:
            raise DataError(f"entry {entry.filename!r} leads out of the folder", source=source, expected="a pack")
    size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST:
        raise DataError(f"it unfolds to {size} bytes", source=source, expected=f"at most {LARGEST}")


def _shrink(frame: Frame, record: ImageRecord, longest: int, quality: int) -> tuple[ImageRecord, bytes]:
    factor = min(1.0, longest / max(frame.width, frame.height))
    width, height = (max(1, round(factor * side)) for side in (frame.width, frame.height))
    image = Image.fromarray(frame.pixels)
    if factor < 1:
        image = image.resize((width, height), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    x, y = width / frame.width, height / frame.height
    nodules = tuple(
        replace(n, box=Box(n.box.x * x, n.box.y * y, n.box.width * x, n.box.height * y)) for n in record.nodules
    )
    spacing = None if record.spacing_mm is None else (record.spacing_mm[0] / y, record.spacing_mm[1] / x)
    name = str(PurePosixPath(record.file_name).with_suffix(".jpg"))
    small = replace(record, file_name=name, width=width, height=height, nodules=nodules, spacing_mm=spacing)
    return small, stream.getvalue()
