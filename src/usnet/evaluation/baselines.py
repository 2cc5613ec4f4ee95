"""What a model must beat: the size of the box alone, its shape alone, and the radiologist's BI-RADS, on the same images.

Size and shape come from the true box of the largest nodule, so they are told where the nodule is; the model is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from usnet.datasets.records import ImageRecord
from usnet.evaluation.discrimination import BoolArray, Question, auc_metric
from usnet.evaluation.metric import Metric, from_events
from usnet.evaluation.truth import MALIGNANT, Cases, FloatArray
from usnet.statistics.bootstrap import Resampler
from usnet.statistics.clustered import clustered_paired_test
from usnet.statistics.roc import AucDifference
from usnet.values import Box

SUBJECT = "malignant v benign"
BIRADS_RANK = {"0": None, "1": 1.0, "2": 2.0, "3": 3.0, "4a": 4.0, "4": 4.3, "4b": 4.3, "4c": 4.6, "5": 5.0, "6": 6.0}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The model's AUC minus a baseline's on the ``images`` where both are known; ``note`` where it cannot be tested."""

    baseline: str
    images: int
    test: AucDifference | None
    note: str | None = None


def birads_rank(record: ImageRecord) -> float:
    """BI-RADS as a number that rises with suspicion (the image's, else its worst nodule's); NaN where unknown or 0."""
    values = [record.birads] if record.birads else [n.birads for n in record.nodules]
    ranks = [BIRADS_RANK.get(str(v).strip().lower()) for v in values if v]
    return max((r for r in ranks if r is not None), default=float("nan"))


def largest_box(record: ImageRecord) -> Box | None:
    """True box of the largest nodule."""
    return max((n.box for n in record.nodules if n.box.area > 0), key=lambda b: b.area, default=None)


def _scores(cases: Cases) -> Iterator[tuple[str, FloatArray]]:
    boxes = [largest_box(r) for r in cases.records]
    frames = [r.width * r.height for r in cases.records]
    shares = [np.nan if b is None else b.area / frame for b, frame in zip(boxes, frames, strict=True)]
    yield "box size alone", np.array(shares, dtype=np.float64)
    yield "box shape alone", np.array([np.nan if b is None else b.height / b.width for b in boxes], dtype=np.float64)
    yield "BI-RADS", np.array([birads_rank(r) for r in cases.records], dtype=np.float64)


HOW = {
    "box size alone": "true box area as a share of the frame",
    "box shape alone": "height : width of the true box",
    "BI-RADS": "BI-RADS category as a rank",
}


def baseline_metrics(cases: Cases, resampler: Resampler) -> tuple[list[Metric], list[Comparison]]:
    """AUC of each baseline for malignant v benign, the model's AUC on the same images, and the paired test."""
    rows: list[Metric] = []
    comparisons: list[Comparison] = []
    for name, score in _scores(cases):
        mask = cases.nodule & ~np.isnan(score)
        if not mask.any():
            if name != "BI-RADS":
                rows.append(Metric("auc", f"{SUBJECT}, {name}", None, note="not estimable: no nodule image with a box"))
            continue
        malignant = cases.truth == MALIGNANT
        alone = Question(f"{SUBJECT}, {name}", malignant, np.nan_to_num(score), mask, HOW[name])
        model = Question(
            f"{SUBJECT}, model beside {name}", malignant, cases.probability[:, MALIGNANT], mask, "p_malignant"
        )
        rows += [auc_metric(alone, cases.group, resampler), auc_metric(model, cases.group, resampler)]
        comparisons.append(_compare(name, cases, model, alone))
        if name == "BI-RADS":
            rows += _at_four(score, malignant, mask, cases.group)
    return rows, comparisons


def _compare(name: str, cases: Cases, model: Question, alone: Question) -> Comparison:
    mask = model.mask
    try:
        test = clustered_paired_test(model.positive[mask], model.score[mask], alone.score[mask], cases.group[mask])
    except ValueError as error:
        return Comparison(name, int(mask.sum()), None, f"not testable: {error}")
    return Comparison(name, int(mask.sum()), test)


def _at_four(score: FloatArray, malignant: BoolArray, mask: BoolArray, group: npt.NDArray[np.str_]) -> list[Metric]:
    """The radiologist's own operating point: biopsy from BI-RADS 4 on."""
    called = score >= 4
    subject = f"{SUBJECT}, BI-RADS"
    sick, well = mask & malignant, mask & ~malignant
    counts: dict[str, Any] = {"positives": int(sick.sum()), "negatives": int(well.sum()), "threshold": "BI-RADS >= 4"}
    return [
        from_events("sensitivity", subject, called[sick], group[sick], **counts),
        from_events("specificity", subject, ~called[well], group[well], **counts),
    ]
