"""Many small studies from a few phantoms: only names and UIDs differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import UID, generate_uid

from usnet.phantoms import simulate
from usnet.phantoms.dicom import Exam, write_image

_DRAWN = 8


def studies(folder: Path, count: int, *, images: int = 1, size: int = 160, seed: int = 0) -> Iterator[list[Path]]:
    """Files of ``count`` studies with so many images each. The same arguments give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    models = [dcmread(_drawn(folder, seed + number, size)) for number in range(_DRAWN)]
    for study in range(count):
        yield [_copy(models[(study + image) % _DRAWN], folder, seed, study, image) for image in range(images)]


def _drawn(folder: Path, seed: int, size: int) -> Path:
    path = folder / f"drawn-{seed}.dcm"
    return write_image(path, simulate(seed, size=(size, size)), Exam(f"drawn-{seed}"))


def _copy(model: Any, folder: Path, seed: int, study: int, image: int) -> Path:
    key = f"usnet test {seed} {study}"
    model.PatientID = model.PatientName = f"T{study}"
    model.StudyInstanceUID = generate_uid(entropy_srcs=[key, "study"])
    model.SeriesInstanceUID = generate_uid(entropy_srcs=[key, "series"])
    model.SOPInstanceUID = model.file_meta.MediaStorageSOPInstanceUID = UID(
        generate_uid(entropy_srcs=[key, str(image)])
    )
    model.InstanceNumber = image + 1
    path = folder / f"study-{study:04d}-{image}.dcm"
    model.save_as(path)
    return path
