"""Several datasets as one, and the images of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from usnet import images
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.errors import DataError
from usnet.values import Frame


def pooled(datasets: Sequence[Dataset]) -> Dataset:
    """One dataset whose file names are absolute paths; ids are numbered anew, patients and groups stay apart by the dataset's name.

    Raises
    ------
    DataError
        Two datasets have the same name.
    """
    if len(datasets) == 1:
        return datasets[0]
    names = [d.name for d in datasets]
    if len(set(names)) < len(names):
        raise DataError(f"datasets {', '.join(names)}", expected="a different name each")
    records: list[ImageRecord] = []
    for dataset in datasets:
        for record in dataset.records:
            patient = None if record.patient_id is None else f"{dataset.name}/{record.patient_id}"
            records.append(
                replace(
                    record,
                    image_id=len(records) + 1,
                    file_name=str(dataset.path(record).resolve()),
                    patient_id=patient,
                    group_id=f"{dataset.name}/{record.group}",
                )
            )
    return Dataset(Path("/"), " + ".join(names), tuple(records))


def labelled(dataset: Dataset, split: Split) -> list[ImageRecord]:
    """Records of a split that are not excluded and have a label.

    Raises
    ------
    DataError
        There are none.
    """
    found = [r for r in dataset.select(split).records if r.label is not None]
    if not found:
        raise DataError(
            f"no labelled image in split {split!r}",
            source=dataset.root,
            hint="Run 'usnet data split' with --val and --test",
        )
    return found


def frames(dataset: Dataset, records: Sequence[ImageRecord]) -> Iterator[tuple[Frame, ImageRecord]]:
    """Each record with its frame, read one at a time."""
    for record in records:
        yield images.read(dataset.path(record)), record
