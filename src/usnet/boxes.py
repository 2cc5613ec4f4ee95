"""Arithmetic on arrays of boxes. Arrays are ``float [N, 4]`` corners ``x0, y0, x1, y1``; pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


def areas(boxes: FloatArray) -> FloatArray:
    """``[N]`` square pixels."""
    area: FloatArray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def iou_matrix(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of every pair: ``[N, 4]`` and ``[M, 4]`` give ``[N, M]``; 0 where both are empty."""
    lower = np.maximum(a[:, None, :2], b[None, :, :2])
    upper = np.minimum(a[:, None, 2:], b[None, :, 2:])
    extent = np.clip(upper - lower, 0.0, None)
    shared = extent[..., 0] * extent[..., 1]
    union = areas(a)[:, None] + areas(b)[None, :] - shared
    iou: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def clip(boxes: FloatArray, width: float, height: float) -> FloatArray:
    """Boxes cut to a frame of ``width`` x ``height`` pixels."""
    return np.clip(boxes, 0.0, np.array([width, height, width, height], dtype=boxes.dtype))


def nms(boxes: FloatArray, scores: FloatArray, threshold: float, limit: int) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Returns the indices of at most ``limit`` boxes by falling score, none of which overlaps an earlier one by an IoU above
    ``threshold``. Ties keep the order of the input, so the result does not depend on the machine.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size and len(kept) < limit:
        best = order[0]
        kept.append(int(best))
        overlap = iou_matrix(boxes[best][None], boxes[order])[0]
        order = order[(overlap <= threshold) & (order != best)]
    return np.array(kept, dtype=np.intp)
