"""What an opinion hangs on: parts of the frame are covered one after another, and the change is kept (Zeiler and Fergus 2014).

No gradient and no torch: the networks that are served are asked, the second look included where the model has one. Covered parts
take the mean grey of the frame, with soft edges, so that the cover itself is no new edge to be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from usnet.diagnosis.drawn import candidate_at
from usnet.diagnosis.pipeline import Diagnoser
from usnet.images import LetterboxTransform, letterbox
from usnet.images.letterbox import plan
from usnet.values import Box, Frame, corners_array

FloatArray = npt.NDArray[np.float32]
GRID = 12
"""Covers across the frame's longer side; each is three times as wide as their distance, and full over twice of it."""
BATCH = 16
"""Covered frames at a time: bounds memory."""


@dataclass(frozen=True, slots=True)
class Saliency:
    """Two maps ``float32 [12, 12]`` over the network's square input.

    They say by how much covering a part lowers the log-odds that the box is a nodule (``detection``) and those of malignancy
    (``malignancy``; negative where covering raises them). ``place`` is the square that the maps lie on, in frame pixels; parts
    outside the frame are 0.
    """

    detection: FloatArray
    malignancy: FloatArray
    place: Box


def occlusion(diagnoser: Diagnoser, frame: Frame, box: Box) -> Saliency:
    """What the opinion on the nodule in ``box`` hangs on. Runs the networks up to 145 times on one frame."""
    settings = diagnoser.bundle.manifest.preprocessing
    transform = plan(frame.width, frame.height, settings.size, settings.mode)
    rows = _windows(frame.height, transform.scale_y, transform.offset_y, settings.size)
    columns = _windows(frame.width, transform.scale_x, transform.offset_x, settings.size)
    cells = [(r, c) for r in range(GRID) for c in range(GRID) if rows[r].any() and columns[c].any()]
    grey = float(frame.pixels.mean())

    def covered() -> Iterator[Frame]:
        yield frame
        for row, column in cells:
            cover = np.outer(rows[row], columns[column])
            pixels = np.rint(frame.pixels * (1 - cover) + grey * cover).astype(np.uint8)
            yield replace(frame, pixels=pixels)

    said = np.array(list(_opinions(diagnoser, covered(), box)), dtype=np.float32)
    drop = np.zeros((GRID, GRID, 2), dtype=np.float32)
    for (row, column), values in zip(cells, said[1:], strict=True):
        drop[row, column] = said[0] - values
    x0, y0, x1, y1 = transform.to_frame([[0, 0, settings.size, settings.size]])[0]
    return Saliency(drop[..., 0], drop[..., 1], Box.from_corners(float(x0), float(y0), float(x1), float(y1)))


def _windows(extent: int, scale: float, offset: float, size: int) -> FloatArray:
    """``[12, extent]`` share of each of the frame's rows (or columns) that the covers hide: none where its middle is outside."""
    middles = (np.arange(GRID) + 0.5) * size / GRID
    places = (np.arange(extent) + 0.5) * scale + offset
    share = np.clip(1.5 - np.abs(places[None] - middles[:, None]) * GRID / size, 0, 1)
    outside = (middles < offset) | (middles > offset + extent * scale)
    share[outside] = 0
    return np.asarray(share, dtype=np.float32)


def _opinions(diagnoser: Diagnoser, frames: Iterator[Frame], box: Box) -> Iterator[tuple[float, float]]:
    """Detection logit and log ratio of the nodule in ``box`` on each frame."""
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == BATCH:
            yield from _batch(diagnoser, batch, box)
            batch = []
    if batch:
        yield from _batch(diagnoser, batch, box)


def _batch(diagnoser: Diagnoser, frames: Sequence[Frame], box: Box) -> Iterator[tuple[float, float]]:
    manifest = diagnoser.bundle.manifest
    seen = [letterbox(f.pixels, manifest.preprocessing.size, manifest.preprocessing.mode) for f in frames]
    transform: LetterboxTransform = seen[0][1]
    corners = transform.to_network(corners_array([box])).astype(np.float32)
    heads = diagnoser.engine.run(np.stack([image for image, _ in seen]))
    found = [candidate_at(corners, logits, deltas, manifest) for logits, deltas in zip(*heads, strict=True)]
    if diagnoser.second_look is not None:
        found = diagnoser.second_look.review([(f, transform, c) for f, c in zip(frames, found, strict=True)])
    for c in found:
        yield float(c.logits[0].max()), float(c.log_ratio[0])
