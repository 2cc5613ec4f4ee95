"""How well nodules are found and boxed: AP per class, mAP, class-agnostic AP, localisation, FROC, marks at the operating point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usnet.evaluation.metric import Metric, expanded, from_events, known
from usnet.evaluation.scores import class_matches, nodule_matches
from usnet.evaluation.tables import call_text
from usnet.evaluation.truth import NORMAL, Cases, FloatArray
from usnet.statistics.arrays import mean_of_known, ratio
from usnet.statistics.bootstrap import Bootstrap, Resampler, weighted_mean
from usnet.statistics.detection import Matches, Points, weighted_average_precision
from usnet.statistics.froc import LEVELS, Froc, froc, weighted_sensitivity
from usnet.values import PATHOLOGIES

IOU = 0.5
NAMES: dict[Points, str] = {"11": "ap11", "all": "ap_all"}


@dataclass(frozen=True, slots=True)
class Detections:
    """Matches of both classes and of any nodule, over the boxed images only."""

    classes: tuple[Matches, Matches]
    nodules: Matches
    normal: np.ndarray[tuple[int], np.dtype[np.bool_]]


def detections(cases: Cases) -> Detections:
    """Match all candidates at IoU 0.5."""
    both = class_matches(cases, 0, IOU), class_matches(cases, 1, IOU)
    normal = (cases.truth == NORMAL)[cases.boxed]
    return Detections(both, nodule_matches(cases, IOU), normal)


def detection_metrics(cases: Cases, found: Detections, resampler: Resampler) -> tuple[list[Metric], Froc | None]:
    """All detection metrics and the FROC curve."""
    rows = _average_precisions(cases, found, resampler, "11") + _average_precisions(cases, found, resampler, "all")
    rows += _localisation(cases, resampler)
    rows += _marks(cases, found, resampler)
    curve = froc(found.nodules, found.normal)
    rows += _froc_points(cases, found, resampler)
    return rows, curve


def _average_precisions(cases: Cases, found: Detections, resampler: Resampler, points: Points) -> list[Metric]:
    def draw(weights: FloatArray) -> FloatArray:
        return weighted_aps(found, weights[:, cases.boxed], points)

    value = draw(np.ones((1, cases.size)))[0]
    boot = resampler.run(draw)
    name = NAMES[points]
    totals = [int(m.truths.sum()) for m in (*found.classes, found.nodules)]
    subjects = (*PATHOLOGIES, "nodule")
    rows = [_ap(name, s, value, boot, i, totals[i], found.normal) for i, s in enumerate(subjects)]
    missing = [kind for kind, total in zip(PATHOLOGIES, totals, strict=False) if not total]
    note = f"mean of one class only: no {missing[0]} nodules" if len(missing) == 1 else None
    mean = _ap(f"m{name}", "benign and malignant", value, boot, 3, totals[2], found.normal, note)
    return [*rows, mean]


def weighted_aps(found: Detections, boxed: FloatArray, points: Points) -> FloatArray:
    """AP of benign, malignant and any nodule, and the mean of the first two, under weights ``[B, boxed images]``: ``[B, 4]``."""
    values = [weighted_average_precision(m, boxed, points) for m in (*found.classes, found.nodules)]
    return np.stack([*values, mean_of_known(values[:2])], axis=1)


def _ap(
    name: str,
    subject: str,
    value: FloatArray,
    boot: Bootstrap,
    index: int,
    nodules: int,
    normal: np.ndarray[tuple[int], np.dtype[np.bool_]],
    note: str | None = None,
) -> Metric:
    kind = "" if subject in ("nodule", "benign and malignant") else f"{subject} "
    return Metric(
        name,
        subject,
        None if np.isnan(value[index]) else float(value[index]),
        unit="nodule",
        positives=nodules,
        threshold=f"all scores, IoU >= {IOU}, {normal.size} images of which {int(normal.sum())} normal",
        intervals=known(boot.interval(index)) if nodules else (),
        note=(note or boot.problem(index)) if nodules else f"not estimable: no {kind}nodules with a box",
    )


def localised(cases: Cases) -> FloatArray:
    """``[N]`` 1 where the strongest box overlaps a nodule at IoU >= 0.5, 0 where not, NaN for images without known nodules."""
    result = np.full(cases.size, np.nan)
    for index in np.flatnonzero(cases.boxed & cases.nodule):
        best = cases.diagnoses[index].candidates[:1]
        result[index] = any(f.box.iou(n.box) >= IOU for f in best for n in cases.records[index].nodules)
    return result


def _localisation(cases: Cases, resampler: Resampler) -> list[Metric]:
    hit = localised(cases)
    known_hit = hit[~np.isnan(hit)]
    boot = resampler.run(weighted_mean(hit)).interval() if known_hit.size else None
    note = None if known_hit.size else "not estimable: no nodule image with a box"
    threshold = f"strongest box, IoU >= {IOU}"
    return [
        from_events(
            "localisation",
            "nodule",
            known_hit,
            cases.group[~np.isnan(hit)],
            threshold=threshold,
            intervals=known(boot),
            note=note,
        ),
    ]


def marks_at(found: Detections, threshold: float) -> tuple[FloatArray, FloatArray]:
    """Nodules hit and wrong boxes of each boxed image at ``score >= threshold``."""
    marks = found.nodules
    kept, images = marks.score >= threshold, marks.truths.size
    hits = np.bincount(marks.image[kept & marks.hit], minlength=images).astype(np.float64)
    return hits, np.bincount(marks.image[kept & ~marks.hit], minlength=images).astype(np.float64)


def weighted_marks(found: Detections, marks: tuple[FloatArray, FloatArray], boxed: FloatArray) -> FloatArray:
    """Share of nodules found, wrong boxes an image and on a normal image, under weights ``[B, boxed images]``: ``[B, 3]``."""
    hits, false = marks
    on_normal = ratio(boxed @ (false * found.normal), boxed @ found.normal.astype(np.float64))
    shares = ratio(boxed @ hits, boxed @ found.nodules.truths), ratio(boxed @ false, boxed.sum(axis=1))
    return np.stack([*shares, on_normal], axis=1)


def _marks(cases: Cases, found: Detections, resampler: Resampler) -> list[Metric]:
    """Nodules found and false marks at the operating point."""
    point = cases.operating_point
    threshold = f"{call_text(point)}, IoU >= {IOU}"
    images = found.nodules.truths.size
    hits, false = marks_at(found, point.detection)

    def draw(weights: FloatArray) -> FloatArray:
        return weighted_marks(found, (hits, false), weights[:, cases.boxed])

    boot, value = resampler.run(draw), draw(np.ones((1, cases.size)))[0]
    nodules, normals = int(found.nodules.truths.sum()), int(found.normal.sum())
    note = None if nodules else "not estimable: no nodules with a box"
    rows = [
        from_events(
            "sensitivity",
            "nodule found",
            *expanded(hits, found.nodules.truths, cases.group[cases.boxed]),
            unit="nodule",
            threshold=threshold,
            intervals=known(boot.interval(0)),
            note=note,
        )
    ]
    per_image = (
        (1, "any image", float(false.sum()), images),
        (2, "normal image", float(false[found.normal].sum()), normals),
    )
    for index, subject, top, bottom in per_image:
        rows.append(
            Metric(
                "false positives an image",
                subject,
                float(value[index]) if bottom else None,
                numerator=top,
                denominator=float(bottom),
                threshold=threshold,
                intervals=known(boot.interval(index)) if bottom else (),
                note=boot.problem(index) if bottom else f"not estimable: no {subject}s".replace("any ", ""),
            )
        )
    return rows


def _froc_points(cases: Cases, found: Detections, resampler: Resampler) -> list[Metric]:
    nodules = int(found.nodules.truths.sum())
    if not nodules:
        return []

    def draw(weights: FloatArray) -> FloatArray:
        return weighted_sensitivity(found.nodules, weights[:, cases.boxed])

    boot, value = resampler.run(draw), draw(np.ones((1, cases.size)))[0]
    return [
        Metric(
            f"sensitivity at {level:g} false positives an image",
            "nodule found",
            float(value[index]),
            unit="nodule",
            numerator=round(float(value[index]) * nodules),
            denominator=nodules,
            threshold=f"read off the FROC curve, IoU >= {IOU}",
            intervals=known(boot.interval(index)),
            note=boot.problem(index),
        )
        for index, level in enumerate(LEVELS)
    ]
