"""Several datasets to one: images renumbered; names, patients, groups and nodules prefixed, so that nothing collides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from usnet.datasets.importers.common import place_image, require_empty
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.errors import ConfigError, DataError


def merge(datasets: Sequence[Dataset], out: Path, *, link: bool = False) -> Dataset:
    """Write all images of ``datasets`` into the new dataset folder ``out``; each keeps its splits and folds.

    A dataset's prefix is its name, numbered where two share one. Patients of different datasets count as different: run
    ``usnet data split`` afterwards, which joins those that share a frame.

    Raises
    ------
    ConfigError
        No dataset is given.
    DataError
        ``out`` is not empty, or an image file is missing.
    """
    if not datasets:
        raise ConfigError("nothing to merge", expected="at least one dataset")
    require_empty(out)
    records: list[ImageRecord] = []
    info: dict[str, object] = {}
    for dataset in datasets:
        prefix = _prefix(dataset.name, info)
        info[prefix] = dataset.info
        for record in dataset.records:
            if not dataset.path(record).is_file():
                raise DataError("image file is missing", source=dataset.path(record), hint="See 'usnet data check'")
            moved = _prefixed(record, prefix, len(records) + 1)
            place_image(dataset.path(record), out / "images" / moved.file_name, link)
            records.append(moved)
    merged = Dataset(out, out.name, tuple(records), {"merged": info})
    save(merged)
    return merged


def _prefix(name: str, taken: dict[str, object]) -> str:
    clean = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".") or "dataset"
    number, prefix = 1, clean
    while prefix in taken:
        number += 1
        prefix = f"{clean}-{number}"
    return prefix


def _prefixed(record: ImageRecord, prefix: str, image_id: int) -> ImageRecord:
    def named(value: str | None) -> str | None:
        return None if value is None else f"{prefix}/{value}"

    return replace(
        record,
        image_id=image_id,
        file_name=f"{prefix}/{record.file_name}",
        patient_id=named(record.patient_id),
        group_id=named(record.group_id),
        nodules=tuple(replace(n, nodule_id=named(n.nodule_id)) for n in record.nodules),
    )
