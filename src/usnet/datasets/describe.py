"""The numbers of the paper's paragraph "General data in training and test sets", from any dataset.

Women and men, age (mean, SD, range), diameter of the nodules, and counts of patients, nodules and images by class, centre and
device. Every figure says for how many it is known. Diameters are the source's (``diameter_mm``) or else the longer side of the
box times the pixel spacing; a nodule seen on several images counts once, with its largest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from usnet.datasets.records import Dataset, ImageRecord
from usnet.values import LABELS, Nodule

Unit = Literal["patients", "images"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, sample standard deviation (``None`` for one value) and range of ``known`` values out of ``total``."""

    known: int
    total: int
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A dataset or one of its splits, in numbers.

    ``people`` counts ages and sexes by ``unit``: patients, or images where no patient is known. ``age`` is in years and by sex
    (women, men, unknown); ``diameter_cm`` is by nodule, ``diameter_measured`` of which come from the source and not a box.
    """

    name: str
    images: int
    labels: dict[str, int]
    patients: int
    images_without_patient: int
    groups: int
    unit: Unit
    sexes: dict[str, int]
    age: dict[str, Spread]
    nodules: dict[str, int]
    diameter_cm: Spread
    diameter_measured: int
    centers: dict[str, int]
    devices: dict[str, int]
    birads: dict[str, int]
    excluded: int


@dataclass(frozen=True, slots=True)
class Description:
    """The whole dataset, and each of its splits where it is split."""

    name: str
    whole: Part
    splits: tuple[Part, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries, ready for ``json.dumps``."""
        return asdict(self)


def describe(dataset: Dataset) -> Description:
    """Describe a dataset and its splits. Excluded images are counted (``Part.excluded``) and described like others."""
    splits = [s for s in ("train", "val", "test") if any(r.split == s for r in dataset.records)]
    return Description(
        dataset.name,
        _part("all", dataset.records),
        tuple(_part(s, [r for r in dataset.records if r.split == s]) for s in splits),
    )


def _part(name: str, records: Sequence[ImageRecord]) -> Part:
    labels: Counter[str] = Counter(r.label or "unknown" for r in records)
    patients = {r.patient_id for r in records} - {None}
    people = _people(records)
    sexes = Counter(sex for sex, _ in people)
    nodules = _nodules(records)
    sizes = [max((s for s in (_diameter(r, n) for r, n in views) if s is not None), default=None) for views in nodules]
    return Part(
        name=name,
        images=len(records),
        labels={k: labels[k] for k in (*LABELS, "unknown") if labels[k]},
        patients=len(patients),
        images_without_patient=sum(r.patient_id is None for r in records),
        groups=len({r.group for r in records}),
        unit="patients" if patients else "images",
        sexes={k: sexes[k] for k in ("female", "male", "unknown") if sexes[k]},
        age={k: _spread([age for sex, age in people if sex == k]) for k in ("female", "male", "unknown") if sexes[k]},
        nodules=_counts(views[0][1].pathology for views in nodules),
        diameter_cm=_spread(None if size is None else size / 10 for size in sizes),
        diameter_measured=sum(any(n.diameter_mm is not None for _, n in views) for views in nodules),
        centers=_counts(r.center for r in records),
        devices=_counts(r.device for r in records),
        birads=_counts(r.birads for r in records),
        excluded=sum(r.exclude is not None for r in records),
    )


def _people(records: Sequence[ImageRecord]) -> list[tuple[str, float | None]]:
    """(sex, age) of each patient, the age at the first examination; of each image where no patient is known at all."""
    known = any(r.patient_id for r in records)
    if not known:
        return [(r.sex or "unknown", r.age) for r in records]
    by_patient: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in records:
        if record.patient_id:
            by_patient[record.patient_id].append(record)
    return [
        (
            next((r.sex for r in images if r.sex), "unknown"),
            min((r.age for r in images if r.age is not None), default=None),
        )
        for images in by_patient.values()
    ]


def _nodules(records: Sequence[ImageRecord]) -> list[list[tuple[ImageRecord, Nodule]]]:
    """Views of each nodule: those of one group with one ``nodule_id``; a nodule without id has one view."""
    views: dict[tuple[str, str | int], list[tuple[ImageRecord, Nodule]]] = defaultdict(list)
    for record in records:
        for nodule in record.nodules:
            views[record.group, nodule.nodule_id or len(views)].append((record, nodule))
    return list(views.values())


def _diameter(record: ImageRecord, nodule: Nodule) -> float | None:
    """Millimetres."""
    if nodule.diameter_mm is not None:
        return nodule.diameter_mm
    if record.spacing_mm is None:
        return None
    return max(nodule.box.height * record.spacing_mm[0], nodule.box.width * record.spacing_mm[1])


def _spread(values: Iterable[float | None]) -> Spread:
    everything = list(values)
    known = np.array([v for v in everything if v is not None], dtype=np.float64)
    if not known.size:
        return Spread(0, len(everything))
    sd = float(known.std(ddof=1)) if known.size > 1 else None
    return Spread(known.size, len(everything), float(known.mean()), sd, float(known.min()), float(known.max()))


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    """Counts by falling number, unknown last."""
    counted = Counter(v or "unknown" for v in values)
    return dict(sorted(counted.items(), key=lambda item: (item[0] == "unknown", -item[1], item[0])))
