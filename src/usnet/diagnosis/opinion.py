"""From candidate boxes to what is said of an image: calibrated probabilities, a call at the operating point, sizes in mm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from usnet.boxes import areas, clip
from usnet.bundles.decode import Candidates, sigmoid
from usnet.bundles.manifest import BoxCalibration, Calibration, Logistic, Manifest
from usnet.images import LetterboxTransform
from usnet.values import Box, Finding, Label, OperatingPoint


@dataclass(frozen=True, slots=True)
class Opinion:
    """The call on one image. ``findings`` are the ``candidates`` at the operating point, both by falling score.

    ``p_benign + p_malignant + p_normal == 1`` (to rounding).
    """

    label: Label
    p_benign: float
    p_malignant: float
    p_normal: float
    findings: tuple[Finding, ...]
    candidates: tuple[Finding, ...]


def opinion(
    candidates: Candidates,
    manifest: Manifest,
    point: OperatingPoint,
    transform: LetterboxTransform,
    spacing_mm: tuple[float, float] | None = None,
) -> Opinion:
    """The opinion on one image.

    ``p_nodule`` is the nodule calibration (Platt 1999) at the strongest candidate's logit; ``q`` the largest calibrated
    malignancy over the findings, or of the strongest candidate where nothing reaches the operating point. Then
    ``p_malignant = p_nodule * q``, ``p_benign = p_nodule - p_malignant``, ``p_normal = 1 - p_nodule``. An image without any
    candidate is as a candidate at ``min_score`` without evidence for either class: its ``p_normal`` stays a little below 1.

    The label follows from the findings alone: none is normal; one at ``malignancy`` or above is malignant; else benign.

    Parameters
    ----------
    candidates
        Boxes in network pixels; those that lie wholly in the letterbox's margin are left out.
    transform
        Where the frame lies in the network's input; boxes come back clipped to the frame.
    spacing_mm
        (row, column) millimetres a pixel, ``None`` where unknown.
    """
    boxes, visible = _inside_frame(candidates, transform)
    found = findings(boxes, visible, manifest.calibration, point, spacing_mm)
    kept = tuple(f for f in found if f.score >= point.detection)
    p_nodule, q = _evidence(visible, manifest, found, kept)
    p_malignant = p_nodule * q
    return Opinion(image_label(kept), p_nodule - p_malignant, p_malignant, 1.0 - p_nodule, kept, found)


def image_label(findings: tuple[Finding, ...]) -> Label:
    """An image's label from its findings: the worst finding's, normal for none."""
    if not findings:
        return "normal"
    return "malignant" if any(f.label == "malignant" for f in findings) else "benign"


def logistic(x: float, calibration: Logistic) -> float:
    """``1 / (1 + exp(-(slope * x + intercept)))``, stable at both ends."""
    z = calibration.slope * x + calibration.intercept
    if z >= 0:
        return 1.0 / (1.0 + math.exp(-z))
    return math.exp(z) / (1.0 + math.exp(z))


def logit(p: float) -> float:
    """Log-odds of a probability inside (0, 1)."""
    return math.log(p / (1.0 - p))


def _evidence(
    candidates: Candidates, manifest: Manifest, found: tuple[Finding, ...], kept: tuple[Finding, ...]
) -> tuple[float, float]:
    """Probability of a nodule, and of malignancy given one."""
    calibration = manifest.calibration
    if not found:
        strongest, q = logit(manifest.postprocessing.min_score), logistic(0.0, calibration.malignancy)
    else:
        strongest = float(candidates.logits.max())
        q = max((f.probability for f in kept), default=found[0].probability)
    return logistic(strongest, calibration.nodule), q


def _inside_frame(candidates: Candidates, transform: LetterboxTransform) -> tuple[list[Box], Candidates]:
    """Boxes in frame pixels, cut to the frame, and the candidates they belong to; boxes without area are left out."""
    corners = clip(transform.to_frame(candidates.boxes), transform.width, transform.height)
    inside = areas(corners) > 0
    boxes = [Box.from_corners(*(float(v) for v in row)) for row in corners[inside]]
    return boxes, Candidates(candidates.boxes[inside], candidates.logits[inside])


def findings(
    boxes: Sequence[Box],
    candidates: Candidates,
    calibration: Calibration,
    point: OperatingPoint,
    spacing_mm: tuple[float, float] | None,
) -> tuple[Finding, ...]:
    """What is said of each candidate; ``boxes`` are the candidates' in frame pixels."""
    scores = candidates.scores
    malignancy = [logistic(float(x), calibration.malignancy) for x in candidates.log_ratio]
    classes = class_scores(candidates, malignancy, calibration.box)
    found = []
    for box, score, probability, ranks in zip(boxes, scores, malignancy, classes, strict=True):
        found.append(
            Finding(
                box=box,
                score=float(score),
                probability=probability,
                class_scores=ranks,
                label="malignant" if probability >= point.malignancy else "benign",
                size_mm=_size_mm(box, spacing_mm),
            )
        )
    return tuple(found)


def class_scores(
    candidates: Candidates, malignancy: Sequence[float], calibration: BoxCalibration | None
) -> list[tuple[float, float]]:
    """(benign, malignant) scores of each candidate: see :class:`usnet.values.Finding`; ``malignancy`` is given a nodule."""
    if calibration is None:
        return [(float(benign), float(malignant)) for benign, malignant in candidates.class_scores]
    logits = candidates.logits.max(axis=1, initial=-math.inf)
    below = logits - logits.max(initial=-math.inf)
    evidence = calibration.slope * logits + calibration.below * below + calibration.intercept
    return [(p * (1 - q), p * q) for p, q in zip(sigmoid(evidence).tolist(), malignancy, strict=True)]


def _size_mm(box: Box, spacing_mm: tuple[float, float] | None) -> tuple[float, float] | None:
    """(width, height) in millimetres."""
    return None if spacing_mm is None else (box.width * spacing_mm[1], box.height * spacing_mm[0])
