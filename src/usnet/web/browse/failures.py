"""The images of an evaluation by how wrong the model was."""

from __future__ import annotations

import math
from typing import Any

from usnet.datasets.records import ImageRecord
from usnet.evaluation.detections import IOU
from usnet.reports.comparison_runs import Run
from usnet.values import LABELS, Diagnosis

MOST_ROWS = 5000


def failures(run: Run) -> list[dict[str, Any]]:
    """A row an image, by falling loss.

    ``loss`` is the cross-entropy ``-log p`` of the probability that the model gave to the true label. ``missed`` counts nodules
    that no finding reaches at IoU 0.5, ``extra`` findings that reach none, ``error`` both together plus 1 for a wrong label.
    """
    cases = run.cases
    rows = [_row(r, d, p) for r, d, p in zip(cases.records, cases.diagnoses, cases.probability, strict=True)]
    return sorted(rows, key=lambda row: (-row["loss"], row["name"]))[:MOST_ROWS]


def _row(record: ImageRecord, said: Diagnosis, probability: Any) -> dict[str, Any]:
    truth = record.label or "normal"
    p = float(probability[LABELS.index(truth)])
    found = [finding.box for finding in said.findings]
    missed = sum(not any(box.iou(n.box) >= IOU for box in found) for n in record.nodules)
    extra = sum(not any(box.iou(n.box) >= IOU for n in record.nodules) for box in found)
    return {
        "name": record.file_name,
        "source": said.source,
        "truth": truth,
        "called": said.label,
        "p": p,
        "loss": -math.log(max(p, 1e-9)),
        "missed": missed,
        "extra": extra,
        "error": missed + extra + (said.label != truth),
        "width": record.width,
        "height": record.height,
        "nodules": [{"box": n.box.as_list(), "pathology": n.pathology} for n in record.nodules],
        "findings": [
            {"box": f.box.as_list(), "label": f.label, "probability": f.probability, "score": f.score}
            for f in said.findings
        ],
    }
