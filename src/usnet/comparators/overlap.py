"""Detectors that name one class a box, made to speak as USNet does: one box a nodule with a score for each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from usnet.boxes import iou_matrix, nms
from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import Postprocessing
from usnet.comparators.serving import logits_of

SAME_IOU = 0.5
"""Boxes of two classes that overlap so much speak of one nodule."""


def one_box_a_nodule(
    boxes: npt.NDArray[np.floating], kinds: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]
) -> Candidates:
    """Suppress across classes; the weaker class of a kept box has the best score of that class there, never above its own, or
    next to none.

    Parameters
    ----------
    boxes
        ``[N, 4]`` corners in network pixels.
    kinds
        ``[N]`` 0 benign, 1 malignant.
    scores
        ``[N]`` in [0, 1].
    """
    settings = Postprocessing()
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    strong = np.asarray(scores) >= settings.min_score
    boxes, kinds, scores = boxes[strong], np.asarray(kinds)[strong], np.asarray(scores, dtype=np.float64)[strong]
    kept = nms(boxes, scores, settings.nms_iou, settings.max_candidates)
    both = np.zeros((len(kept), 2))
    overlap = iou_matrix(boxes[kept], boxes) >= SAME_IOU
    for kind in (0, 1):
        values = np.where(overlap & (kinds == kind)[None], scores[None], 0.0)
        both[:, kind] = np.minimum(values.max(axis=1, initial=0.0), scores[kept])
    return Candidates(boxes[kept].astype(np.float32), logits_of(both))
