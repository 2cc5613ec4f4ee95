"""Anchors of the detector, and the box code between an anchor and a box. Pure numpy: training and serving share it.

Box code (Girshick et al. 2014, R-CNN, appendix C): centre offsets relative to the anchor's extent and the logarithm of the extents'
ratio, each divided by its ``code_std``. Arrays are corners ``x0, y0, x1, y1`` in pixels of the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from usnet.boxes import FloatArray

MAX_LOG_RATIO = 4.0
"""Decoded boxes grow at most by exp(4): keeps an untrained network's boxes finite."""


@dataclass(frozen=True, slots=True)
class AnchorSpec:
    """Where anchors stand and how large they are.

    Defaults: level sizes 16 / 48 / 128 on strides 4 / 8 / 16, because the habit of 4 x stride leaves 15.6 % of BUSI's
    malignant boxes without any anchor at IoU 0.5. Three scales and three ratios (height : width) a cell, as RetinaNet.
    """

    image_size: int = 256
    strides: tuple[int, ...] = (4, 8, 16)
    sizes: tuple[float, ...] = (16.0, 48.0, 128.0)
    scales: tuple[float, ...] = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    code_std: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)

    @property
    def per_cell(self) -> int:
        """Anchors at one cell of a feature map."""
        return len(self.scales) * len(self.ratios)

    @property
    def total(self) -> int:
        """Anchors in an image: the length of the network's outputs."""
        return sum((self.image_size // s) ** 2 for s in self.strides) * self.per_cell


def cell_shapes(spec: AnchorSpec, level: int) -> FloatArray:
    """``[A, 2]`` (width, height) of the anchors at one cell of ``level``: scales outer, ratios inner."""
    sides = spec.sizes[level] * np.array(spec.scales)
    root = np.sqrt(np.array(spec.ratios))
    width = sides[:, None] / root[None]
    height = sides[:, None] * root[None]
    return np.stack([width.ravel(), height.ravel()], axis=1)


@lru_cache(maxsize=8)
def anchor_boxes(spec: AnchorSpec) -> npt.NDArray[np.float32]:
    """``float32 [spec.total, 4]`` corners, read-only: level by level, row by row, cell by cell, shape by shape."""
    levels = []
    for level, stride in enumerate(spec.strides):
        centres = (np.arange(spec.image_size // stride) + 0.5) * stride
        cy, cx = np.meshgrid(centres, centres, indexing="ij")
        shapes = cell_shapes(spec, level) / 2
        centre = np.stack([cx, cy], axis=-1).reshape(-1, 1, 2)
        levels.append(np.concatenate([centre - shapes, centre + shapes], axis=-1).reshape(-1, 4))
    boxes = np.concatenate(levels).astype(np.float32)
    boxes.setflags(write=False)
    return boxes


def _centres(boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def encode(boxes: FloatArray, anchors: FloatArray, spec: AnchorSpec) -> FloatArray:
    """Box code ``[N, 4]`` of ``boxes [N, 4]`` relative to ``anchors [N, 4]``; boxes must have a positive extent."""
    centre, extent = _centres(boxes)
    anchor_centre, anchor_extent = _centres(anchors)
    code = np.concatenate([(centre - anchor_centre) / anchor_extent, np.log(extent / anchor_extent)], axis=-1)
    scaled: FloatArray = code / np.array(spec.code_std, dtype=code.dtype)
    return scaled


def decode(code: FloatArray, anchors: FloatArray, spec: AnchorSpec) -> FloatArray:
    """Boxes ``[..., 4]`` from their code: the inverse of :func:`encode`."""
    scaled = code * np.array(spec.code_std, dtype=code.dtype)
    anchor_centre, anchor_extent = _centres(anchors)
    centre = scaled[..., :2] * anchor_extent + anchor_centre
    half = np.exp(np.clip(scaled[..., 2:], -MAX_LOG_RATIO, MAX_LOG_RATIO)) * anchor_extent / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def best_iou(boxes: FloatArray, spec: AnchorSpec) -> FloatArray:
    """``[N]`` highest IoU that any anchor on its grid reaches with each box (corners, network pixels).

    Of the anchors of one level and shape, the one whose centre lies nearest on both axes overlaps most, so only
    ``levels * per_cell`` anchors a box are looked at.
    """
    centre, extent = _centres(np.asarray(boxes, dtype=np.float64).reshape(-1, 4))
    best: FloatArray = np.zeros(len(centre))
    for level, stride in enumerate(spec.strides):
        cell = np.clip(np.floor(centre / stride), 0, spec.image_size // stride - 1)
        offset = np.abs((cell + 0.5) * stride - centre)[:, None]
        shapes = cell_shapes(spec, level)
        reach = (extent[:, None] + shapes) / 2 - offset
        shared = np.clip(np.minimum(reach, np.minimum(extent[:, None], shapes)), 0.0, None).prod(axis=-1)
        union = extent.prod(axis=-1)[:, None] + shapes.prod(axis=-1) - shared
        best = np.maximum(best, (shared / union).max(axis=1))
    return best
