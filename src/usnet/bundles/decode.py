"""From the network's raw heads to candidate boxes: numpy only, shared by validation during training and by diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.anchors import AnchorSpec, anchor_boxes, decode
from usnet.boxes import clip, nms
from usnet.bundles.manifest import Postprocessing

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes of one image by falling score: corners ``[N, 4]`` in network pixels, ``logits [N, 2]`` (benign, malignant).

    One box carries both class logits, because a nodule is one object with one diagnosis.
    """

    boxes: FloatArray
    logits: FloatArray

    @property
    def scores(self) -> FloatArray:
        """``[N]`` detection score: the larger class score."""
        return sigmoid(self.logits.max(axis=1, initial=-np.inf))

    @property
    def class_scores(self) -> FloatArray:
        """``[N, 2]`` benign and malignant scores."""
        return sigmoid(self.logits)

    @property
    def log_ratio(self) -> FloatArray:
        """``[N]`` malignant minus benign logit: the evidence for malignancy given a nodule."""
        return self.logits[:, 1] - self.logits[:, 0]


def sigmoid(x: FloatArray) -> FloatArray:
    """Logistic function, stable at both ends."""
    result: FloatArray = np.exp(-np.logaddexp(0, -x)).astype(np.float32)
    return result


def candidates(logits: FloatArray, deltas: FloatArray, spec: AnchorSpec, settings: Postprocessing) -> Candidates:
    """Decode one image: ``logits [A, 2]`` and ``deltas [A, 4]`` with ``A = spec.total``.

    Keeps the ``top_k`` strongest anchors above ``min_score``, decodes and clips their boxes, suppresses across classes.
    """
    strongest = np.maximum(logits[:, 0], logits[:, 1])  # fifty times faster than max(axis=1)
    least = np.log(settings.min_score / (1 - settings.min_score))
    if strongest.size > settings.top_k:  # most anchors of an image are above the floor
        least = max(least, np.partition(strongest, -settings.top_k)[-settings.top_k])
    chosen = np.flatnonzero(strongest >= least)
    chosen = chosen[np.argsort(-strongest[chosen], kind="stable")[: settings.top_k]]
    boxes = clip(decode(deltas[chosen], anchor_boxes(spec)[chosen], spec), spec.image_size, spec.image_size)
    kept = nms(boxes, strongest[chosen], settings.nms_iou, settings.max_candidates)
    return Candidates(boxes[kept].astype(np.float32), logits[chosen[kept]].astype(np.float32))
