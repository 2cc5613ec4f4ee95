"""Calibration and thresholds, fitted on VALIDATION images only and stored in the bundle. Evaluation never chooses them.

Everything takes plain arrays, so training can call it on decoded heads and a notebook on saved predictions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from usnet.bundles.manifest import BoxCalibration, Calibration, Logistic, Threshold
from usnet.errors import DataError
from usnet.statistics.calibration import logistic_weights, platt
from usnet.statistics.detection import match_image
from usnet.statistics.roc import roc_curve
from usnet.values import Label

FloatArray = npt.NDArray[np.float64]
FLOOR = 0.01
"""Score of an image without any candidate, as the default ``Postprocessing.min_score`` cuts them."""
FEWEST = 10
"""Cases of each class below which a logistic fit is not worth having."""


@dataclass(frozen=True, slots=True)
class ValidationImage:
    """Candidates and truth of one image, in one pixel frame: ``boxes [N, 4]`` and ``truth [K, 4]`` are corners, ``logits [N, 2]``
    (benign, malignant), both by falling score."""

    boxes: npt.NDArray[np.floating]
    logits: npt.NDArray[np.floating]
    truth: npt.NDArray[np.floating]
    label: Label


@dataclass(frozen=True, slots=True)
class ValidationScores:
    """What the fits need.

    ``label [N]``, ``top_logit [N]`` (strongest candidate's logit, the floor's for none) and ``log_ratio [N]`` (of that
    candidate, NaN for none) are per image. ``nodule_score [K]`` is the best matching candidate's score of each truth box, 0
    where none matches. ``candidate_logit [M]``, ``candidate_below [M]`` (that less the logit of the image's strongest) and
    ``candidate_hit [M]`` are per candidate.
    """

    label: npt.NDArray[np.str_]
    top_logit: FloatArray
    log_ratio: FloatArray
    nodule_score: FloatArray
    candidate_logit: FloatArray
    candidate_below: FloatArray
    candidate_hit: npt.NDArray[np.bool_]


def collect(images: Sequence[ValidationImage], iou: float = 0.5, floor: float = FLOOR) -> ValidationScores:
    """Arrays over all validation images; a candidate hits a nodule at IoU >= ``iou``."""
    top, ratio, nodule, logits, below, hits = [], [], [], [], [], []
    for image in images:
        strongest = np.asarray(image.logits, np.float64).reshape(-1, 2).max(axis=1, initial=-np.inf)
        top.append(strongest[0] if strongest.size else math.log(floor / (1 - floor)))
        ratio.append(float(image.logits[0, 1] - image.logits[0, 0]) if strongest.size else math.nan)
        found = match_image(np.asarray(image.boxes, np.float64), strongest, np.asarray(image.truth, np.float64), iou)
        score = np.zeros(len(image.truth))
        score[found[found >= 0]] = expit(strongest[found >= 0])
        nodule.append(score)
        logits.append(strongest)
        below.append(strongest - strongest[:1])
        hits.append(found >= 0)
    return ValidationScores(
        np.array([image.label for image in images]),
        np.array(top, np.float64),
        np.array(ratio, np.float64),
        np.concatenate([*nodule, np.zeros(0)]),
        np.concatenate([*logits, np.zeros(0)]),
        np.concatenate([*below, np.zeros(0)]),
        np.concatenate([*hits, np.zeros(0, bool)]),
    )


def fit(
    images: Sequence[ValidationImage],
    *,
    data: str = "validation",
    nodule_sensitivity: float = 0.95,
    wrong_boxes: float = 1.0,
    malignant_sensitivity: float = 0.95,
    malignant_specificity: float = 0.95,
) -> tuple[Calibration, tuple[Threshold, ...]]:
    """Calibration and three operating points from validation images; ``data`` names them in every ``origin``.

    - ``balanced`` (the default one): boxes at the greatest F1, malignancy at the greatest sensitivity + specificity - 1.
    - ``sensitive``: boxes that find ``nodule_sensitivity`` of the nodules at no more than ``wrong_boxes`` false ones an image,
      malignancy that calls ``malignant_sensitivity`` of the malignant images.
    - ``specific``: boxes as ``balanced``, malignancy that leaves ``malignant_specificity`` of the benign images uncalled.
    """
    scores = collect(images)
    calibration = fit_calibration(scores, data=data)
    balanced = choose_operating_point(scores, calibration, name="balanced", data=data)
    sensitive = choose_operating_point(
        scores,
        calibration,
        name="sensitive",
        data=data,
        detection=(nodule_sensitivity, wrong_boxes),
        malignant_sensitivity=malignant_sensitivity,
    )
    specific = choose_operating_point(
        scores, calibration, name="specific", data=data, malignant_specificity=malignant_specificity
    )
    return calibration, (balanced, sensitive, specific)


def fit_calibration(scores: ValidationScores, *, data: str = "validation") -> Calibration:
    """Platt fits (1999) of both probabilities.

    - nodule: the strongest candidate's logit, on images with a nodule against normal images. With fewer than
      :data:`FEWEST` of either it falls back to boxes: a candidate's logit, on boxes that hit a nodule against boxes that do
      not. That says how likely a box is a nodule; it is not the share of normal images, which such data cannot tell.
    - malignancy: the strongest candidate's log ratio, on malignant against benign images.

    A fit without enough of both classes, or with a falling curve, keeps slope 1 and intercept 0 and says so in ``origin``.
    """
    known = np.isin(scores.label, ("benign", "malignant", "normal"))
    present = scores.label != "normal"
    images = _logistic(scores.top_logit[known], present[known])
    boxes = None if images else _logistic(scores.candidate_logit, scores.candidate_hit)
    nodule = images or boxes
    seen = np.isin(scores.label, ("benign", "malignant")) & np.isfinite(scores.log_ratio)
    malignancy = _logistic(scores.log_ratio[seen], scores.label[seen] == "malignant")
    count = {kind: int((scores.label == kind).sum()) for kind in ("benign", "malignant", "normal")}
    how = (
        f"nodule: images, {count['benign'] + count['malignant']} with and {count['normal']} without a nodule"
        if images
        else f"nodule: boxes, {int(scores.candidate_hit.sum())} on a nodule of {scores.candidate_hit.size} (too few normal images)"
        if boxes
        else "nodule: not calibrated"
    )
    what = f"{count['malignant']} malignant and {count['benign']} benign images" if malignancy else "not calibrated"
    origin = f"Platt on {data}; {how}; malignancy: {what}"
    box = fit_boxes(scores, data)
    return Calibration(nodule=nodule or Logistic(), malignancy=malignancy or Logistic(), box=box, origin=origin)


def fit_boxes(scores: ValidationScores, data: str = "validation") -> BoxCalibration | None:
    """How likely a candidate lies on a nodule; ``None`` with fewer than :data:`FEWEST` that do or that do not."""
    hit = scores.candidate_hit
    if min(hit.sum(), (~hit).sum()) < FEWEST:
        return None
    slope, below, intercept = logistic_weights(np.stack([scores.candidate_logit, scores.candidate_below], axis=1), hit)
    origin = f"logistic on {data}; {int(hit.sum())} of {hit.size} boxes lie on a nodule"
    return BoxCalibration(slope=slope, below=below, intercept=intercept, origin=origin)


def _logistic(x: FloatArray, positive: npt.NDArray[np.bool_]) -> Logistic | None:
    if min(positive.sum(), (~positive).sum()) < FEWEST:
        return None
    slope, intercept = platt(x, positive, ridge=1e-4)
    return Logistic(slope=slope, intercept=intercept) if slope > 0 else None


def choose_operating_point(
    scores: ValidationScores,
    calibration: Calibration,
    *,
    name: str = "default",
    data: str = "validation",
    detection: tuple[float, float] | None = None,
    malignant_sensitivity: float | None = None,
    malignant_specificity: float | None = None,
) -> Threshold:
    """Both thresholds. They lie half-way between two cases, so that rounding cannot move a case across.

    Parameters
    ----------
    detection
        ``None`` takes the score with the greatest F1 of boxes. Otherwise (share of nodules to find, false boxes an image to
        allow): the highest score that finds that share, or, where that lets in too many false boxes, the lowest that does not.
    malignant_sensitivity
        ``None`` takes the calibrated probability with the greatest sensitivity + specificity - 1 (Youden). Otherwise the highest
        one at which that share of malignant images is called.
    malignant_specificity
        Not ``None`` takes instead the lowest probability at which that share of benign images is not called.

    Raises
    ------
    DataError
        There is no nodule, or no malignant or no benign image.
    """
    if not scores.nodule_score.size:
        raise DataError("no validation image has a nodule box", expected="boxes to choose the detection threshold on")
    seen = np.isin(scores.label, ("benign", "malignant")) & np.isfinite(scores.log_ratio)
    truth = scores.label[seen] == "malignant"
    if truth.all() or not truth.any():
        raise DataError(
            f"{int(truth.sum())} malignant and {int((~truth).sum())} benign validation images with a candidate box",
            expected="both, to choose the malignancy threshold on",
        )
    box, box_rule = _box_threshold(scores, detection)
    fitted = calibration.malignancy
    probability = expit(fitted.slope * scores.log_ratio[seen] + fitted.intercept)
    if malignant_specificity is not None:
        malignancy = _lowest(probability[~truth], malignant_specificity, probability)
        kept = float((probability[~truth] < malignancy).mean())
        said = f"specificity {kept:.3f} (asked {malignant_specificity:g}) for benign images"
    elif malignant_sensitivity is None:
        malignancy, said = _youden(truth, probability), "greatest sensitivity + specificity - 1 of malignant v benign"
    else:
        malignancy, found = _highest(probability[truth], malignant_sensitivity)
        said = f"sensitivity {found:.3f} (asked {malignant_sensitivity:g}) for malignant images"
    origin = f"{data}: detection at {box_rule}; malignancy at {said}, {int(truth.sum())} v {int((~truth).sum())} images"
    return Threshold(name=name, detection=box, malignancy=malignancy, origin=origin)


def _box_threshold(scores: ValidationScores, asked: tuple[float, float] | None) -> tuple[float, str]:
    """Threshold on the detection score, and how it was chosen with what came of it on these images."""
    boxes = expit(scores.candidate_logit)
    if asked is None:
        threshold, rule = _greatest_f1(boxes, scores.candidate_hit, scores.nodule_score.size), "greatest F1"
    else:
        threshold, _ = _highest(scores.nodule_score, asked[0])
        rule = f"asked sensitivity {asked[0]:g}"
        wrong = np.sort(boxes[~scores.candidate_hit])[::-1]
        allowed = int(asked[1] * scores.label.size)
        if wrong.size > allowed and threshold <= wrong[allowed]:
            threshold = _above(float(wrong[allowed]), boxes)
            rule += f", held to {asked[1]:g} wrong boxes an image"
    found = float((scores.nodule_score >= threshold).mean())
    wrong_now = float(((boxes >= threshold) & ~scores.candidate_hit).sum() / scores.label.size)
    counts = f"{scores.nodule_score.size} nodules at IoU 0.5"
    return threshold, f"{rule} (sensitivity {found:.3f} for {counts}, {wrong_now:.2f} wrong boxes an image)"


def _greatest_f1(boxes: FloatArray, hit: npt.NDArray[np.bool_], nodules: int) -> float:
    """F1 of boxes as findings: ``2 TP / (boxes kept + nodules)``."""
    if not hit.any():
        return FLOOR
    order = np.argsort(-boxes, kind="stable")
    f1 = 2 * np.cumsum(hit[order]) / (np.arange(1, boxes.size + 1) + nodules)
    best = int(np.argmax(f1))
    falling = boxes[order]
    below = falling[falling < falling[best]]
    return float((falling[best] + below[0]) / 2) if below.size else float(falling[best] * (1 - 1e-6))


def _highest(scores: FloatArray, target: float) -> tuple[float, float]:
    """Highest threshold that at least ``target`` of ``scores`` reach, and the share that reaches it; 0 counts as never found."""
    falling = np.sort(scores)[::-1]
    found = int((falling > 0).sum())
    wanted = min(max(1, math.ceil(target * falling.size - 1e-9)), found)
    if wanted == 0:
        return FLOOR, 0.0
    value = float(falling[wanted - 1])
    below = falling[falling < value]
    threshold = (value + float(below[0])) / 2 if below.size and below[0] > 0 else value * (1 - 1e-6)
    return threshold, float((falling >= threshold).mean())


def _lowest(negative: FloatArray, specificity: float, everything: FloatArray) -> float:
    """Lowest threshold that at least ``specificity`` of ``negative`` stay below; between two of ``everything``."""
    falling = np.sort(negative)[::-1]
    allowed = int((1 - specificity) * falling.size + 1e-9)
    return _above(float(falling[min(allowed, falling.size - 1)]), everything)


def _above(value: float, values: FloatArray) -> float:
    """Half-way from ``value`` to the next greater of ``values``, to 1 where there is none."""
    return float((value + np.min(values[values > value], initial=1.0)) / 2)


def _youden(truth: npt.NDArray[np.bool_], probability: FloatArray) -> float:
    curve = roc_curve(truth, probability)
    best = int(np.argmax(np.round(curve.sensitivity + curve.specificity, 12)[1:])) + 1
    here = float(curve.thresholds[best])
    below = float(curve.thresholds[best + 1]) if best + 1 < curve.thresholds.size else here
    return (here + below) / 2
