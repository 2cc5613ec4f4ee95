"""COCO's average precision (101 points, IoU 0.50 to 0.95), by faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from usnet.evaluation.metric import Metric
from usnet.evaluation.truth import Cases
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


def coco_metrics(cases: Cases) -> list[Metric]:
    """COCO's numbers over the boxed images, mean of benign and malignant. No interval: COCO defines none.

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
    return [_metric(name, subject, float(values[place]), len(truth["annotations"])) for name, place in NAMES.items()]


def _metric(name: str, subject: str, value: float, nodules: int) -> Metric:
    if value < 0:  # COCO writes -1 for a size range without a nodule
        return Metric(name, subject, None, unit="nodule", note="not estimable: no nodule of this size")
    threshold = "all scores, at most 100 boxes an image, COCO's matching and 101 points"
    counted = None if name.endswith(("small", "medium", "large")) else nodules
    return Metric(name, subject, value, unit="nodule", positives=counted, threshold=threshold)


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
