"""An evaluation as files for machines: ``metrics.json``, ``metrics.csv`` (one row an interval), ``curves.json``."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from usnet.evaluation import Evaluation, Metric

COLUMNS = (
    "metric",
    "subject",
    "subgroup",
    "unit",
    "averaging",
    "value",
    "low",
    "high",
    "level",
    "method",
    "numerator",
    "denominator",
    "positives",
    "negatives",
    "prevalence",
    "threshold",
    "note",
)


def write_metrics_json(evaluation: Evaluation, path: Path) -> Path:
    """Every number with counts, unit, threshold, intervals and notes; ``null`` where it cannot be estimated."""
    path.write_text(json.dumps(evaluation.as_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def write_metrics_csv(evaluation: Evaluation, path: Path) -> Path:
    """Long table: a metric with two intervals has two rows, one without an interval has one."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for metric in evaluation.metrics:
            writer.writerows(_rows(metric))
    return path


def _rows(metric: Metric) -> list[dict[str, Any]]:
    common = {key: getattr(metric, key) for key in COLUMNS if hasattr(metric, key)} | {"metric": metric.name}
    if not metric.intervals:
        return [common]
    return [common | {"low": i.low, "high": i.high, "level": i.level, "method": i.method} for i in metric.intervals]


def write_curves_json(evaluation: Evaluation, path: Path) -> Path:
    """Points of every curve with their thresholds (``null`` stands for infinity), so that figures can be drawn again."""
    curves = evaluation.curves
    document: dict[str, Any] = {
        "roc": {
            subject: {
                "thresholds": _numbers(c.thresholds),
                "sensitivity": _numbers(c.sensitivity),
                "specificity": _numbers(c.specificity),
            }
            for subject, c in curves.roc.items()
        },
        "precision_recall": {
            kind: {"precision": _numbers(precision), "recall": _numbers(recall)}
            for kind, (precision, recall) in curves.precision_recall.items()
        },
        "froc": None
        if curves.froc is None
        else {
            "thresholds": _numbers(curves.froc.thresholds),
            "sensitivity": _numbers(curves.froc.sensitivity),
            "false_positives_an_image": _numbers(curves.froc.false_positives),
            "false_positives_a_normal_image": None
            if curves.froc.on_normal is None
            else _numbers(curves.froc.on_normal),
        },
        "reliability": {
            subject: [
                {"low": b.low, "high": b.high, "predicted": b.predicted}
                | {"positives": b.observed.numerator, "images": b.observed.denominator}
                for b in bins
            ]
            for subject, bins in curves.reliability.items()
        },
    }
    path.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _numbers(values: np.ndarray[Any, Any]) -> list[float | None]:
    return [float(v) if math.isfinite(v) else None for v in values]
