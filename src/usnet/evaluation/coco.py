"""COCO's average precision (101 points, IoU 0.50 to 0.95), by faster-coco-eval, with a bootstrap of patients around it."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from usnet.evaluation.metric import Metric, known
from usnet.evaluation.scores import class_matches
from usnet.evaluation.truth import Cases, FloatArray
from usnet.statistics.arrays import mean_of_known
from usnet.statistics.bootstrap import Resampler
from usnet.statistics.detection import weighted_average_precision
from usnet.statistics.intervals import Interval
from usnet.values import PATHOLOGIES

NAMES = {
    "coco_ap": 0,
    "coco_ap50": 1,
    "coco_ap75": 2,
    "coco_ap_small": 3,
    "coco_ap_medium": 4,
    "coco_ap_large": 5,
    "coco_ar100": 8,
}
"""Metric and its place in COCO's twelve numbers; small, medium and large are below 32^2, below 96^2 and above, in frame pixels."""


IOUS = tuple(0.5 + 0.05 * k for k in range(10))
RESAMPLED: dict[str, tuple[float, ...]] = {"coco_ap": IOUS, "coco_ap50": (0.5,), "coco_ap75": (0.75,)}
"""Metrics with an interval, and the IoUs that they average."""
SAME = 0.005
"""Where our own matching gives another value than COCO's by more than this, the interval is left out."""


def coco_metrics(cases: Cases, resampler: Resampler | None = None) -> list[Metric]:
    """COCO's numbers over the boxed images, mean of benign and malignant.

    AP, AP50 and AP75 get the percentile interval of a cluster bootstrap of the same average by our own matching, which cannot be
    told from COCO's where an image shows one nodule; where the two differ there is none.

    Without the ``evaluate`` extra, or without a nodule, the values are ``None`` and say so.
    """
    truth, results = coco_documents(cases)
    subject = "benign and malignant"
    if not truth["annotations"]:
        return [
            Metric(name, subject, None, unit="nodule", note="not estimable: no nodules with a box") for name in NAMES
        ]
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        note = "needs faster-coco-eval: pip install 'usnet[evaluate]'"
        return [Metric(name, subject, None, unit="nodule", note=note) for name in NAMES]
    if not results:
        values = np.zeros(12)
    else:
        with contextlib.redirect_stdout(io.StringIO()):
            reference = COCO(truth)
            run = COCOeval_faster(reference, reference.loadRes(results), "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
        values = np.asarray(run.stats, dtype=np.float64)
    drawn = _intervals(cases, resampler, values) if resampler is not None else {}
    nodules = len(truth["annotations"])
    return [_metric(name, subject, float(values[place]), nodules, drawn.get(name)) for name, place in NAMES.items()]


def _intervals(cases: Cases, resampler: Resampler, coco: FloatArray) -> dict[str, Interval | None]:
    """Intervals of those metrics whose value our own matching gives too."""
    matches = {round(iou, 2): [class_matches(cases, kind, iou) for kind in (0, 1)] for iou in IOUS}

    def draw(weights: FloatArray) -> FloatArray:
        boxed = weights[:, cases.boxed]
        at = {
            iou: mean_of_known([weighted_average_precision(m, boxed, "101") for m in both])
            for iou, both in matches.items()
        }
        return np.stack([np.mean([at[round(i, 2)] for i in ious], axis=0) for ious in RESAMPLED.values()], axis=1)

    own, boot = draw(np.ones((1, cases.size)))[0], resampler.run(draw)
    same = [abs(value - coco[NAMES[name]]) <= SAME for name, value in zip(RESAMPLED, own, strict=True)]
    return {name: boot.interval(k) for k, name in enumerate(RESAMPLED) if same[k]}


def _metric(name: str, subject: str, value: float, nodules: int, interval: Interval | None) -> Metric:
    if value < 0:  # COCO writes -1 for a size range without a nodule
        return Metric(name, subject, None, unit="nodule", note="not estimable: no nodule of this size")
    threshold = "all scores, at most 100 boxes an image, COCO's matching and 101 points"
    counted = None if name.endswith(("small", "medium", "large")) else nodules
    return Metric(
        name, subject, value, unit="nodule", positives=counted, threshold=threshold, intervals=known(interval)
    )


def coco_documents(cases: Cases) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truth as a COCO file and the candidates as COCO results: a box appears once for each class, with that class's score."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, (record, diagnosis) in enumerate(zip(cases.records, cases.diagnoses, strict=True), 1):
        if not cases.boxed[number - 1]:
            continue
        images.append({"id": number, "file_name": record.file_name, "width": record.width, "height": record.height})
        for nodule in record.nodules:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": PATHOLOGIES.index(nodule.pathology or "benign") + 1,
                    "bbox": nodule.box.as_list(),
                    "area": nodule.box.area,
                    "iscrowd": 0,
                }
            )
        for finding in diagnosis.candidates:
            results += [
                {"image_id": number, "category_id": k + 1, "bbox": finding.box.as_list(), "score": score}
                for k, score in enumerate(finding.class_scores)
            ]
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(PATHOLOGIES)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}, results
