"""The same opinion at another operating point: thresholds are applied to stored candidates, no network is run."""

from __future__ import annotations

from dataclasses import replace

from usnet.diagnosis.opinion import image_label
from usnet.values import Diagnosis, OperatingPoint

ORDER = ("sensitive", "balanced", "specific")


def at_point(diagnosis: Diagnosis, point: OperatingPoint) -> Diagnosis:
    """What would have been said at ``point``; equal to diagnosing anew there (see :func:`usnet.diagnosis.opinion.opinion`)."""
    candidates = tuple(
        replace(c, label="malignant" if c.probability >= point.malignancy else "benign") for c in diagnosis.candidates
    )
    kept = tuple(c for c in candidates if c.score >= point.detection)
    p_nodule = 1.0 - diagnosis.p_normal
    if candidates:
        q = max((c.probability for c in kept), default=candidates[0].probability)
    else:
        q = diagnosis.p_malignant / p_nodule if p_nodule > 0 else 0.0
    p_malignant = p_nodule * q
    return replace(
        diagnosis,
        candidates=candidates,
        findings=kept,
        p_malignant=p_malignant,
        p_benign=p_nodule - p_malignant,
        label=image_label(kept),
        operating_point=point,
    )


def ordered(points: tuple[OperatingPoint, ...]) -> tuple[OperatingPoint, ...]:
    """From the most sensitive to the most specific: by the usual names, others after them by rising threshold."""
    return tuple(sorted(points, key=lambda p: (ORDER.index(p.name) if p.name in ORDER else 9, p.detection, p.name)))
