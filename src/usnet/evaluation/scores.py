"""From cases to what the statistics take: detections of each class, and patients folded from their images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.datasets.records import ImageRecord
from usnet.evaluation.truth import MALIGNANT, NORMAL, Cases, FloatArray
from usnet.statistics.detection import Matches, match
from usnet.values import PATHOLOGIES, Diagnosis, corners_array


def class_matches(cases: Cases, kind: int, iou: float = 0.5) -> Matches:
    """Detections of one pathology on the boxed images: every candidate box speaks for each class with that class's score."""
    rows = []
    for record, diagnosis in _boxed(cases):
        scores = np.array([f.class_scores[kind] for f in diagnosis.candidates], dtype=np.float64)
        truth = corners_array([n.box for n in record.nodules if n.pathology == PATHOLOGIES[kind]])
        rows.append((corners_array([f.box for f in diagnosis.candidates]), scores, truth))
    return match(rows, iou)


def nodule_matches(cases: Cases, iou: float = 0.5) -> Matches:
    """Detections of any nodule on the boxed images, whatever its class."""
    rows = []
    for record, diagnosis in _boxed(cases):
        scores = np.array([f.score for f in diagnosis.candidates], dtype=np.float64)
        boxes = corners_array([f.box for f in diagnosis.candidates])
        rows.append((boxes, scores, corners_array([n.box for n in record.nodules])))
    return match(rows, iou)


def _boxed(cases: Cases) -> Iterator[tuple[ImageRecord, Diagnosis]]:
    return ((r, d) for r, d, b in zip(cases.records, cases.diagnoses, cases.boxed, strict=True) if b)


@dataclass(frozen=True, slots=True)
class Patients:
    """Patients folded from their images: the worst truth (malignant, then benign, then normal), the worst call, the greatest
    ``p_malignant``. ``without_id`` images have no patient id and were left out."""

    truth: npt.NDArray[np.intp]
    called: npt.NDArray[np.intp]
    p_malignant: FloatArray
    group: npt.NDArray[np.str_]
    without_id: int


def fold_patients(cases: Cases) -> Patients | None:
    """One row a patient; ``None`` where no image has a patient id."""
    has = [index for index, r in enumerate(cases.records) if r.patient_id is not None]
    if not has:
        return None
    rows: dict[str, list[int]] = {}
    for index in has:
        rows.setdefault(str(cases.records[index].patient_id), []).append(index)
    members = list(rows.values())
    return Patients(
        np.array([_worst(cases.truth[m]) for m in members], dtype=np.intp),
        np.array([_worst(cases.called[m]) for m in members], dtype=np.intp),
        np.array([cases.probability[m, MALIGNANT].max() for m in members]),
        np.array([cases.group[m[0]] for m in members]),
        cases.size - len(has),
    )


def _worst(labels: npt.NDArray[np.intp]) -> int:
    if (labels == MALIGNANT).any():
        return MALIGNANT
    return int(labels[labels != NORMAL][0]) if (labels != NORMAL).any() else NORMAL
