"""From what a method sees to a :class:`~usnet.values.Diagnosis`: the same calibration, thresholds and call for every method."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from usnet.anchors import AnchorSpec
from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import Calibration, Manifest, Preprocessing, Threshold
from usnet.datasets.masks import BoolMask
from usnet.datasets.records import ImageRecord
from usnet.diagnosis.opinion import opinion
from usnet.errors import DataError
from usnet.evaluation.operating import ValidationImage, fit
from usnet.images import LetterboxTransform
from usnet.values import Diagnosis, Frame, ModelIdentity, OperatingPoint, corners_array

FLOOR = 1e-4
"""Scores are kept within this of 0 and 1, so that their logits are finite."""


class Seen(NamedTuple):
    """Candidates of a frame in network pixels, and where the frame lies there. ``seconds`` is what looking takes where parts of
    it were remembered from before; ``None`` where the clock says it."""

    candidates: Candidates
    transform: LetterboxTransform
    seconds: float | None = None


Look = Callable[[Frame, ImageRecord | None], Seen]


def logits_of(scores: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Log-odds of scores in [0, 1], cut to :data:`FLOOR`."""
    p = np.clip(np.asarray(scores, dtype=np.float64), FLOOR, 1 - FLOOR)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Served:
    """A fitted method that sees candidate boxes; see :class:`usnet.comparators.method.Fitted`."""

    look: Look
    manifest: Manifest
    identity: ModelIdentity
    point: OperatingPoint
    parameters: int | None
    outline: Callable[[Frame], BoolMask] | None = None
    """``bool [H, W]`` of a frame, for a method that draws outlines itself."""
    earlier_seconds: float = 0.0
    """Of training in earlier runs that were stopped."""

    def diagnose(self, frame: Frame, given: ImageRecord | None = None) -> Diagnosis:
        """The opinion on one frame."""
        start = time.perf_counter()
        seen = self.look(frame, given)
        looked = time.perf_counter()
        said = opinion(seen.candidates, self.manifest, self.point, seen.transform, frame.spacing_mm)
        looking = looked - start if seen.seconds is None else seen.seconds
        return Diagnosis(
            image_id=frame.source if given is None else given.file_name,
            source=frame.source,
            width=frame.width,
            height=frame.height,
            findings=said.findings,
            p_benign=said.p_benign,
            p_malignant=said.p_malignant,
            p_normal=said.p_normal,
            label=said.label,
            operating_point=self.point,
            model=self.identity,
            seconds=looking + time.perf_counter() - looked,
            candidates=said.candidates,
            frame=frame.number,
        )


def calibrated(
    name: str,
    look: Look,
    validation: Iterable[tuple[Frame, ImageRecord]],
    *,
    size: int,
    parameters: int | None,
    weights: bytes = b"",
) -> Served:
    """Calibrate on validation images and choose the threshold as training does (:func:`usnet.evaluation.operating.fit`).

    Where validation has too little to choose a threshold on, thresholds are 0.3 and 0.5 and their origin says so. ``weights`` only
    identify the model.
    """
    seen = []
    for frame, record in validation:
        candidates, transform, _ = look(frame, record)
        truth = transform.to_network(corners_array([n.box for n in record.nodules]))
        seen.append(ValidationImage(candidates.boxes, candidates.logits, truth, record.label or "normal"))
    try:
        calibration, points = fit(seen)
        threshold = points[0]
    except DataError as error:
        calibration = Calibration()
        threshold = Threshold(name="balanced", detection=0.3, malignancy=0.5, origin=f"not chosen: {error.message}")
    manifest = Manifest(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        preprocessing=Preprocessing(size=size),
        anchors=AnchorSpec(image_size=size),
        calibration=calibration,
        operating_points=(threshold,),
        default_operating_point=threshold.name,
    )
    digest = hashlib.sha256(name.encode() + weights + calibration.model_dump_json().encode()).hexdigest()
    return Served(look, manifest, ModelIdentity(name, digest), threshold.value(), parameters)
