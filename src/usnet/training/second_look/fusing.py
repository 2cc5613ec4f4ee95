"""How much the detector's log ratio and the second look's logit count: a logistic fit on validation images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.bundles.decode import Candidates
from usnet.bundles.fusion import revised
from usnet.bundles.manifest import Calibration, Logistic, Manifest, SecondLook, Threshold
from usnet.errors import DataError
from usnet.evaluation.operating import FEWEST, ValidationImage, fit
from usnet.statistics.calibration import logistic_weights, platt
from usnet.statistics.roc import auc
from usnet.values import Label

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One validation image: the detector's candidates, the second look's logits ``[N]`` (NaN for boxes not looked at), corners of
    the true nodules ``[K, 4]`` in network pixels, and the label."""

    found: Candidates
    look: npt.NDArray[np.float32]
    truth: npt.NDArray[np.float64]
    label: Label | None


def fit_fusion(images: Sequence[LookedAt], settings: SecondLook, data: str) -> SecondLook:
    """The settings with their weights, from the strongest candidate of every benign or malignant image.

    Both weights are held at 0 or above: more evidence for malignancy never means less.

    Raises
    ------
    DataError
        Fewer than ten images of one class have a candidate.
    """
    ratio, look, malignant = strongest(images)
    counts = int(malignant.sum()), int((~malignant).sum())
    if min(counts) < FEWEST:
        raise DataError(
            f"{counts[0]} malignant and {counts[1]} benign validation images with a candidate box",
            expected=f"at least {FEWEST} of each, to fuse the second look on",
        )
    detector, weight, intercept = logistic_weights(np.stack([ratio, look], axis=1), malignant)
    slope, offset = platt(ratio, malignant, ridge=1e-4)
    origin = f"logistic on {data}, {counts[0]} malignant and {counts[1]} benign images"
    return settings.model_copy(
        update={
            "detector": detector,
            "look": weight,
            "intercept": intercept,
            "alone": Logistic(slope=slope, intercept=offset),
            "origin": origin,
        }
    )


def strongest(images: Sequence[LookedAt]) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Log ratio and look of each benign or malignant image's strongest candidate, and whether it is malignant: ``[N]`` each."""
    chosen = [i for i in images if i.label in ("benign", "malignant") and len(i.found.boxes)]
    ratio = np.array([i.found.log_ratio[0] for i in chosen], dtype=np.float64)
    look = np.array([i.look[0] for i in chosen], dtype=np.float64)
    return ratio, look, np.array([i.label == "malignant" for i in chosen], dtype=bool)


def refitted(manifest: Manifest, images: Sequence[LookedAt], settings: SecondLook, data: str) -> Manifest:
    """The manifest with the second look, malignancy calibrated and its thresholds chosen anew on validation images.

    Whether there is a nodule is none of the second look's business: that calibration and the detection thresholds stay.
    """
    rows = [
        ValidationImage(c.boxes, c.logits, i.truth, i.label)
        for i, c in ((i, revised(i.found, i.look, settings)) for i in images)
        if i.label is not None
    ]
    fitted, points = fit(rows, data=data)
    before = {t.name: t for t in manifest.operating_points}
    calibration = Calibration(
        nodule=manifest.calibration.nodule,
        malignancy=fitted.malignancy,
        box=fitted.box,
        origin=f"with the second look: {fitted.origin}; kept from the detector's bundle: nodule, {manifest.calibration.origin}",
    )
    update = {
        "calibration": calibration,
        "operating_points": tuple(
            _with_old_detection(t, before.get(t.name, before[manifest.default_operating_point])) for t in points
        ),
        "default_operating_point": points[0].name,
        "second_look": settings,
        "metrics": manifest.metrics | {"second_look": measured(images, settings) | {"data": data}},
    }
    return manifest.model_copy(update=update)


def _with_old_detection(new: Threshold, old: Threshold | None) -> Threshold:
    """The new point at the detection threshold of the detector's own point of that name."""
    if old is None or math.isclose(new.detection, old.detection, rel_tol=1e-9):
        return new
    origin = f"detection {old.detection:.4g} kept from the detector's bundle ({old.origin}); {new.origin}"
    return new.model_copy(update={"detection": old.detection, "origin": origin})


def measured(images: Sequence[LookedAt], settings: SecondLook) -> dict[str, float | int | None]:
    """AUC on the validation images of the detector alone, of the second look alone and of both."""
    ratio, look, malignant = strongest(images)
    joined = settings.detector * ratio + settings.look * look
    scores = {"auc_detector": ratio, "auc_second_look": look, "auc_fused": joined}
    return {name: auc(malignant, score).value for name, score in scores.items()} | {"images": int(malignant.size)}
