"""What a model says of a box that a reader drew: the heads' evidence at that place, and the second look where there is one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from usnet.anchors import anchor_boxes, decode
from usnet.boxes import clip, iou_matrix
from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import Manifest
from usnet.errors import DataError
from usnet.values import Box, Frame

FloatArray = npt.NDArray[np.float32]
SAME_IOU = 0.5
"""Boxes that overlap so much speak of the same nodule."""


def inside(box: Box, frame: Frame) -> Box:
    """The part of a drawn box that lies inside the frame.

    Raises
    ------
    DataError
        Nothing of it does, or it is less than one pixel wide or high.
    """
    cut = box.clipped(frame.width, frame.height)
    if min(cut.width, cut.height) < 1:
        x, y, width, height = (f"{v:.1f}" for v in box.as_list())
        raise DataError(
            f"the box {x}, {y}, {width} x {height} is not on the frame",
            source=frame.source,
            expected=f"at least one pixel within {frame.width} x {frame.height}",
        )
    return cut


def candidate_at(corners: FloatArray, logits: FloatArray, deltas: FloatArray, manifest: Manifest) -> Candidates:
    """A candidate with the drawn box and the logits of what the detector sees there.

    Of all predicted boxes with an IoU of at least :data:`SAME_IOU` the strongest speaks; where there is none, the one that overlaps
    most. Suppression plays no part, so that a weak opinion at this place is not silenced by a stronger one beside it.

    Parameters
    ----------
    corners
        ``[1, 4]`` in network pixels.
    logits, deltas
        Raw heads of the image, ``[A, 2]`` and ``[A, 4]``.
    """
    spec = manifest.anchors
    boxes = clip(decode(deltas, anchor_boxes(spec), spec), spec.image_size, spec.image_size)
    overlap = iou_matrix(corners.astype(boxes.dtype), boxes)[0]
    same = np.flatnonzero(overlap >= SAME_IOU)
    best = same[np.argmax(logits[same].max(axis=1))] if same.size else np.argmax(overlap)
    return Candidates(corners.astype(np.float32), logits[best][None].astype(np.float32))
