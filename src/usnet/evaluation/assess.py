"""Everything said of a model on a dataset, from its opinions alone: no image is read and no network is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from usnet.datasets.records import Dataset
from usnet.evaluation.baselines import Comparison, baseline_metrics
from usnet.evaluation.calibrated import calibration_metrics
from usnet.evaluation.coco import coco_metrics
from usnet.evaluation.detections import detection_metrics, detections
from usnet.evaluation.discrimination import auc_metrics, patient_aucs, questions
from usnet.evaluation.metric import Averaging, Metric, Unit
from usnet.evaluation.scores import fold_patients
from usnet.evaluation.subgroups import subgroup_metrics
from usnet.evaluation.tables import Calls, class_table, confusion
from usnet.evaluation.truth import Cases, LeftOut, join
from usnet.statistics.bootstrap import Resampler
from usnet.statistics.calibration import ReliabilityBin
from usnet.statistics.clustered import FEW_CLUSTERS
from usnet.statistics.detection import precision_recall
from usnet.statistics.froc import Froc
from usnet.statistics.roc import RocCurve, roc_curve
from usnet.values import LABELS, PATHOLOGIES, Diagnosis, ModelIdentity, OperatingPoint


@dataclass(frozen=True, slots=True)
class Curves:
    """What the figures draw: ROC by subject, precision and recall by class, FROC, reliability by probability."""

    roc: dict[str, RocCurve]
    precision_recall: dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
    froc: Froc | None
    reliability: dict[str, tuple[ReliabilityBin, ...]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All numbers of one model on one dataset.

    ``counts`` says how many images, patients, groups and nodules stand behind them; ``confusion`` is 3 x 3, rows truth,
    columns call, in the order of :data:`usnet.values.LABELS`; ``settings`` are those of the intervals.
    """

    dataset: str
    fingerprint: str
    model: ModelIdentity
    operating_point: OperatingPoint
    counts: dict[str, Any]
    left_out: LeftOut
    settings: dict[str, Any]
    confusion: tuple[tuple[int, ...], ...]
    metrics: tuple[Metric, ...]
    comparisons: tuple[Comparison, ...]
    curves: Curves
    warnings: tuple[str, ...]

    def metric(
        self,
        name: str,
        subject: str,
        *,
        averaging: Averaging = "raw",
        unit: Unit | None = None,
        subgroup: str = "all",
    ) -> Metric | None:
        """The metric of that name and subject, ``None`` where there is none."""
        for m in self.metrics:
            same = m.name == name and m.subject == subject and m.averaging == averaging and m.subgroup == subgroup
            if same and (unit is None or m.unit == unit):
                return m
        return None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: everything but the curves."""
        return {
            "dataset": {"name": self.dataset, "fingerprint": self.fingerprint},
            "model": asdict(self.model),
            "operating_point": asdict(self.operating_point),
            "counts": self.counts,
            "left_out": asdict(self.left_out),
            "settings": self.settings,
            "warnings": list(self.warnings),
            "confusion": {"labels": list(LABELS), "rows_truth_columns_call": [list(r) for r in self.confusion]},
            "metrics": [m.as_dict() for m in self.metrics],
            "comparisons": [asdict(c) for c in self.comparisons],
        }


def evaluate(dataset: Dataset, diagnoses: Sequence[Diagnosis], *, bootstrap: int = 1000, seed: int = 0) -> Evaluation:
    """Measure opinions against a dataset's truth.

    Parameters
    ----------
    dataset
        The images to measure on (select a split before). Records with ``exclude`` or without a label are left out and counted.
    diagnoses
        One opinion an image, all by one model at one operating point; images without one are left out and named.
    bootstrap
        Draws of whole groups (``record.group``) for intervals; 0 for none.
    seed
        Of the draws.

    Raises
    ------
    DataError
        Opinions do not belong to the dataset, or nothing is left to measure on.
    """
    cases = join(dataset, diagnoses)
    resampler = Resampler(cases.group, bootstrap, seed)
    found = detections(cases)
    boxes, froc_curve = detection_metrics(cases, found, resampler)
    calibration, bins = calibration_metrics(cases, resampler)
    baselines, comparisons = baseline_metrics(cases, resampler)
    metrics = [
        *class_table(Calls(cases.truth, cases.called, resampler, cases.operating_point)),
        *auc_metrics(cases, resampler),
        *boxes,
        *coco_metrics(cases, resampler),
        *_patients(cases, bootstrap, seed),
        *baselines,
        *calibration,
        *subgroup_metrics(cases, found),
    ]
    pr = {str(kind): precision_recall(m)[1:] for kind, m in zip(PATHOLOGIES, found.classes, strict=True)}
    rocs = {q.subject: roc_curve(q.positive[q.mask], q.score[q.mask]) for q in questions(cases)}
    matrix = confusion(cases.truth, cases.called).astype(int).tolist()
    return Evaluation(
        dataset.name,
        dataset.fingerprint(),
        cases.model,
        cases.operating_point,
        _counts(cases),
        cases.left_out,
        {"bootstrap_draws": bootstrap, "seed": seed, "level": 0.95, "cluster": "record.group"},
        tuple(tuple(row) for row in matrix),
        tuple(metrics),
        tuple(comparisons),
        Curves(rocs, pr, froc_curve, bins),
        tuple(_warnings(cases)),
    )


def _patients(cases: Cases, bootstrap: int, seed: int) -> list[Metric]:
    patients = fold_patients(cases)
    if patients is None:
        return [Metric("auc", "malignant v rest", None, unit="patient", note="not estimable: no patient ids")]
    resampler = Resampler(patients.group, bootstrap, seed)
    calls = Calls(patients.truth, patients.called, resampler, cases.operating_point, "patient")
    subjects = ("malignant v rest", "malignant v benign")
    return [*class_table(calls, subjects), *patient_aucs(patients, resampler)]


def _counts(cases: Cases) -> dict[str, Any]:
    patients = {r.patient_id for r in cases.records if r.patient_id is not None}
    images = {label: int((cases.truth == index).sum()) for index, label in enumerate(LABELS)}
    nodules = [n for r in cases.records for n in r.nodules]
    return {
        "images": cases.size,
        **{f"images_{label}": count for label, count in images.items()},
        "nodules": len(nodules),
        **{f"nodules_{kind}": sum(n.pathology == kind for n in nodules) for kind in PATHOLOGIES},
        "images_with_known_boxes": int(cases.boxed.sum()),
        "patients": len(patients),
        "images_without_patient": sum(r.patient_id is None for r in cases.records),
        "groups": int(np.unique(cases.group).size),
    }


def _warnings(cases: Cases) -> list[str]:
    found = []
    left, groups = cases.left_out, np.unique(cases.group).size
    if left.undiagnosed:
        found.append(
            f"{len(left.undiagnosed)} labelled images have no prediction and are not measured: {left.undiagnosed[0]} ..."
        )
    if not cases.boxed.all():
        found.append(f"{int((~cases.boxed).sum())} images have no known boxes and take no part in detection")
    without = sum(r.patient_id is None for r in cases.records)
    if without:
        found.append(f"{without} images have no patient id and take no part in what is measured per patient")
    if groups < FEW_CLUSTERS:
        found.append(f"only {groups} groups: clustered intervals are unstable below about {FEW_CLUSTERS}")
    if groups < cases.size:
        found.append(
            f"{cases.size} images come from {groups} groups (patients, joined where duplicates join them): all intervals shown "
            "know this. metrics.csv also has Wilson's as if images were independent, which are too narrow"
        )
    if not any(d.candidates for d in cases.diagnoses):
        found.append("no opinion has a candidate box: detection is 0 everywhere")
    return found
