"""Truth and opinion of every image side by side: the arrays that all of evaluation works on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import DataError
from usnet.values import LABELS, Diagnosis, ModelIdentity, OperatingPoint

FloatArray = npt.NDArray[np.float64]
BENIGN, MALIGNANT, NORMAL = range(3)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Images that take no part, by reason; ``undiagnosed`` names those without an opinion (unreadable, or not run)."""

    excluded: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    undiagnosed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cases:
    """Images with a known label and an opinion.

    ``truth [N]`` and ``called [N]`` index :data:`usnet.values.LABELS`; ``probability [N, 3]`` has the same order; ``group [N]``
    is the cluster for intervals. ``boxed [N]`` marks images whose boxes are known: a normal image, or one with nodules of
    known pathology; detection is measured on these.
    """

    records: tuple[ImageRecord, ...]
    diagnoses: tuple[Diagnosis, ...]
    truth: npt.NDArray[np.intp]
    called: npt.NDArray[np.intp]
    probability: FloatArray
    group: npt.NDArray[np.str_]
    boxed: npt.NDArray[np.bool_]
    left_out: LeftOut

    @property
    def size(self) -> int:
        """Number of images."""
        return len(self.records)

    @property
    def operating_point(self) -> OperatingPoint:
        """The one that every opinion was called at."""
        return self.diagnoses[0].operating_point

    @property
    def model(self) -> ModelIdentity:
        """The one that gave every opinion."""
        return self.diagnoses[0].model

    @property
    def nodule(self) -> npt.NDArray[np.bool_]:
        """``[N]`` images that show a nodule."""
        return np.asarray(self.truth != NORMAL)


def join(dataset: Dataset, diagnoses: Sequence[Diagnosis]) -> Cases:
    """Bring records and diagnoses together.

    A diagnosis belongs to the record whose ``file_name`` is its ``image_id`` or the end of its ``source``, or, where that is
    unique, whose file's stem or COCO id is its ``image_id``.

    Raises
    ------
    DataError
        A diagnosis belongs to no record or two belong to one; models or operating points are mixed; nothing is left to score.
    """
    opinions = _assign(dataset, diagnoses)
    wanted = [r for r in dataset.records if r.exclude is None]
    excluded: dict[str, int] = {}
    for record in dataset.records:
        if record.exclude is not None:
            excluded[record.exclude] = excluded.get(record.exclude, 0) + 1
    labelled = [r for r in wanted if r.label is not None]
    kept = [r for r in labelled if r.file_name in opinions]
    missing = tuple(r.file_name for r in labelled if r.file_name not in opinions)
    if not kept:
        raise DataError(
            f"no image to evaluate: {len(dataset.records)} records, {len(labelled)} labelled and not excluded",
            source=dataset.root,
            hint="Check --split, labels and predictions",
        )
    return _cases(kept, [opinions[r.file_name] for r in kept], LeftOut(excluded, len(wanted) - len(labelled), missing))


def _cases(records: Sequence[ImageRecord], diagnoses: Sequence[Diagnosis], left_out: LeftOut) -> Cases:
    _one("models", {d.model for d in diagnoses})
    _one("operating points", {d.operating_point for d in diagnoses})
    probability = np.array([(d.p_benign, d.p_malignant, d.p_normal) for d in diagnoses], dtype=np.float64)
    if not np.isfinite(probability).all():
        raise DataError("a diagnosis has a probability that is not finite", expected="p_benign, p_malignant, p_normal")
    return Cases(
        tuple(records),
        tuple(diagnoses),
        np.array([LABELS.index(r.label) for r in records if r.label is not None], dtype=np.intp),
        np.array([LABELS.index(d.label) for d in diagnoses], dtype=np.intp),
        np.clip(probability, 0.0, 1.0),
        np.array([r.group for r in records]),
        np.array([_boxed(r) for r in records], dtype=bool),
        left_out,
    )


def _boxed(record: ImageRecord) -> bool:
    if record.label == "normal":
        return not record.nodules
    return bool(record.nodules) and all(n.pathology is not None for n in record.nodules)


def _one(what: str, values: set[ModelIdentity] | set[OperatingPoint]) -> None:
    if len(values) > 1:
        names = ", ".join(sorted(v.name for v in values))
        raise DataError(f"predictions of several {what}: {names}", expected="one model at one operating point")


def _assign(dataset: Dataset, diagnoses: Sequence[Diagnosis]) -> dict[str, Diagnosis]:
    names = {r.file_name for r in dataset.records}
    stems = _unique((PurePath(r.file_name).stem, r.file_name) for r in dataset.records)
    ids = _unique((str(r.image_id), r.file_name) for r in dataset.records)
    found: dict[str, Diagnosis] = {}
    for diagnosis in diagnoses:
        name = _file_name(diagnosis, names, stems, ids)
        if name is None:
            raise DataError(
                f"prediction {diagnosis.image_id!r} belongs to no image of dataset {dataset.name!r}",
                source=diagnosis.source,
                expected="predictions of this dataset",
            )
        if name in found:
            raise DataError(f"two predictions for {name}", source=dataset.root, expected="one an image")
        found[name] = diagnosis
    return found


def _file_name(diagnosis: Diagnosis, names: set[str], stems: dict[str, str], ids: dict[str, str]) -> str | None:
    if diagnosis.image_id in names:
        return diagnosis.image_id
    parts = PurePath(diagnosis.source).parts
    for start in range(len(parts)):
        if "/".join(parts[start:]) in names:
            return "/".join(parts[start:])
    return stems.get(diagnosis.image_id) or ids.get(diagnosis.image_id)


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str | None] = {}
    for key, name in pairs:
        found[key] = None if key in found else name
    return {key: name for key, name in found.items() if name is not None}
