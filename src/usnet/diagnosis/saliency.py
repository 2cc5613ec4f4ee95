"""Where a network looked: parts of its input are covered one after another, and the change is kept (Zeiler and Fergus 2014).

No gradient and no torch: the exported graph that is served is asked. Covered parts take the mean grey of the frame, with soft
edges, so that the cover itself is no new edge to be found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.anchors import anchor_boxes, decode
from usnet.boxes import clip, iou_matrix
from usnet.diagnosis.drawn import SAME_IOU
from usnet.diagnosis.pipeline import Diagnoser
from usnet.images import letterbox
from usnet.values import Box, Frame, corners_array

FloatArray = npt.NDArray[np.float32]
GRID = 12
"""Covers across the frame's longer side; each is twice as wide as their distance."""
BATCH = 16


@dataclass(frozen=True, slots=True)
class Saliency:
    """Two maps ``float32 [12, 12]`` over the network's square input: by how much covering a part lowers the log-odds that the box
    is a nodule (``detection``), and the log-odds of malignancy (``malignancy``; negative where covering raises it).

    ``place`` is the square of the frame that the maps lie on, in frame pixels; parts outside the frame are 0.
    """

    detection: FloatArray
    malignancy: FloatArray
    place: Box


def occlusion(diagnoser: Diagnoser, frame: Frame, box: Box) -> Saliency:
    """What the detector's opinion on the nodule in ``box`` hangs on. A second look, where the model has one, is not asked.

    Runs the network 145 times on one frame.
    """
    settings = diagnoser.bundle.manifest.preprocessing
    image, transform = letterbox(frame.pixels, settings.size, settings.mode)
    corners = transform.to_network(corners_array([box]))
    left, top = transform.offset_x, transform.offset_y
    right, bottom = left + frame.width * transform.scale_x, top + frame.height * transform.scale_y
    grey = float(image[0, int(top) : max(int(top) + 1, int(bottom)), int(left) : max(int(left) + 1, int(right))].mean())
    covers = _covers(settings.size)
    inside = [_touches(i, settings.size, (left, top, right, bottom)) for i in range(len(covers))]
    asked = [image, *(image * (1 - c) + grey * c for c, use in zip(covers, inside, strict=True) if use)]
    said = [
        row
        for start in range(0, len(asked), BATCH)
        for row in _opinions(diagnoser, asked[start : start + BATCH], corners)
    ]
    drop = np.zeros((GRID * GRID, 2), dtype=np.float32)
    drop[np.array(inside)] = np.array(said[0])[None] - np.array(said[1:], dtype=np.float32).reshape(-1, 2)
    x0, y0, x1, y1 = transform.to_frame([[0, 0, settings.size, settings.size]])[0]
    maps = drop.reshape(GRID, GRID, 2)
    return Saliency(maps[..., 0], maps[..., 1], Box.from_corners(float(x0), float(y0), float(x1), float(y1)))


def _covers(size: int) -> list[FloatArray]:
    """``[1, S, S]`` covers from 0 to 1, row by row."""
    places = (np.arange(GRID) + 0.5) * size / GRID
    pixels = np.arange(size) + 0.5
    reach = size / GRID
    window = np.clip(1.5 - np.abs(pixels[None] - places[:, None]) / reach * 1.0, 0, 1).astype(np.float32)
    return [np.outer(row, column)[None] for row in window for column in window]


def _touches(index: int, size: int, area: tuple[float, float, float, float]) -> bool:
    row, column = divmod(index, GRID)
    x, y = (column + 0.5) * size / GRID, (row + 0.5) * size / GRID
    return area[0] <= x <= area[2] and area[1] <= y <= area[3]


def _opinions(
    diagnoser: Diagnoser, images: list[FloatArray], corners: npt.NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Strongest logit and log ratio of the boxes at ``corners``, of each image."""
    spec = diagnoser.bundle.manifest.anchors
    found = []
    for logits, deltas in zip(*diagnoser.engine.run(np.stack(images).astype(np.float32)), strict=True):
        boxes = clip(decode(deltas, anchor_boxes(spec), spec), spec.image_size, spec.image_size)
        overlap = iou_matrix(corners.astype(boxes.dtype), boxes)[0]
        same = np.flatnonzero(overlap >= SAME_IOU)
        best = same[np.argmax(logits[same].max(axis=1))] if same.size else int(np.argmax(overlap))
        found.append((float(logits[best].max()), float(logits[best, 1] - logits[best, 0])))
    return found
