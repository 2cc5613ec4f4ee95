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
    x0, y0, x1, y1 = np.ascontiguousarray(boxes[order].T)
    area = (x1 - x0) * (y1 - y0)
    alive = np.ones(order.size, dtype=bool)
    kept: list[int] = []
    best = 0
    while best < order.size and len(kept) < limit:
        kept.append(best)
        width = np.minimum(x1, x1[best]) - np.maximum(x0, x0[best])
        height = np.minimum(y1, y1[best]) - np.maximum(y0, y0[best])
        shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
        alive &= shared <= threshold * (area + area[best] - shared)
        alive[best] = False
        best = int(alive.argmax()) if alive.any() else order.size
    chosen: npt.NDArray[np.intp] = order[kept]
    return chosen
