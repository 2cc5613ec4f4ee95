"""From boxes to hits, and from hits to average precision.

Conventions, because AP depends on them: boxes are real-valued corners ``x0, y0, x1, y1`` (no ``+ 1``). Detections are taken by
falling score; each claims the truth box that it overlaps most, and a second claim on the same truth is a false positive
(VOC). Among equal scores false positives count first, which is the same as letting them all in at one threshold, so the
result does not depend on the order of images.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from usnet.boxes import iou_matrix
from usnet.statistics.arrays import BoolArray, FloatArray, IntArray, ratio, tie_ends

Points = Literal["11", "101", "all"]
"""``11``: mean of the interpolated precision at recall 0, 0.1 .. 1 (VOC 2007; equation 6 of Li et al. 2020). ``101``: the same at
recall 0, 0.01 .. 1 (COCO). ``all``: area under the interpolated curve (VOC 2010)."""


@dataclass(frozen=True, slots=True)
class Matches:
    """All detections of one class by falling score: image index ``[D]``, score ``[D]``, hit ``[D]``, and the number of truth
    boxes of each image ``[I]``."""

    image: IntArray
    score: FloatArray
    hit: BoolArray
    truths: IntArray

    def at(self, threshold: float) -> tuple[int, int]:
        """True and false positives at ``score >= threshold``."""
        kept = self.hit[self.score >= threshold]
        return int(kept.sum()), int((~kept).sum())


def match_image(boxes: FloatArray, scores: FloatArray, truth: FloatArray, threshold: float) -> IntArray:
    """Index of the truth box each detection ``[D, 4]`` hits at IoU >= ``threshold``, -1 for none: ``[D]``.

    Equal scores within the image are taken by falling overlap, then by their corners.
    """
    result = np.full(len(boxes), -1, dtype=np.intp)
    if not len(boxes) or not len(truth):
        return result
    overlap = iou_matrix(np.asarray(boxes, np.float64), np.asarray(truth, np.float64))
    best, target = overlap.max(axis=1), overlap.argmax(axis=1)
    order = np.lexsort((*np.asarray(boxes).T, -best, -np.asarray(scores)))
    taken: set[int] = set()
    for index in order[best[order] >= threshold]:
        if int(target[index]) not in taken:
            result[index] = target[index]
            taken.add(int(target[index]))
    return result


def match(images: Iterable[tuple[FloatArray, FloatArray, FloatArray]], threshold: float = 0.5) -> Matches:
    """Match many images, each ``(boxes [D, 4], scores [D], truth boxes [T, 4])``."""
    index, score, hit, truths = [], [], [], []
    for number, (boxes, scores, truth) in enumerate(images):
        found = match_image(boxes, scores, truth, threshold)
        index.append(np.full(len(found), number, dtype=np.intp))
        score.append(np.asarray(scores, dtype=np.float64))
        hit.append(found >= 0)
        truths.append(len(truth))
    if not truths:
        return Matches(np.zeros(0, np.intp), np.zeros(0), np.zeros(0, bool), np.zeros(0, np.intp))
    return ranked(np.concatenate(index), np.concatenate(score), np.concatenate(hit), np.array(truths, np.intp))


def ranked(image: IntArray, score: FloatArray, hit: BoolArray, truths: IntArray) -> Matches:
    """Matches in rank order: falling score, false positives first among equals."""
    order = np.lexsort((image, hit, -score))
    return Matches(image[order], score[order], hit[order], truths)


def precision_recall(matches: Matches) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Thresholds, precision and recall after each distinct score; recall is NaN without truth boxes."""
    last = tie_ends(matches.score)
    tp = np.cumsum(matches.hit)[last].astype(np.float64)
    return matches.score[last], tp / (last + 1), ratio(tp, matches.truths.sum())


def average_precision(matches: Matches, points: Points = "11") -> float | None:
    """AP of one class; ``None`` where no image has a truth box."""
    value = weighted_average_precision(matches, np.ones((1, matches.truths.size)), points)[0]
    return None if np.isnan(value) else float(value)


def weighted_average_precision(matches: Matches, weights: FloatArray, points: Points = "11") -> FloatArray:
    """AP under image weights ``[B, I]``: ``[B]``, NaN where no truth box has weight. For resampling."""
    total = weights @ matches.truths
    tp, seen = at_hits(matches, weights)
    if not len(tp):
        return np.where(total > 0, 0.0, np.nan)
    precision = np.divide(tp, seen, out=np.zeros_like(tp), where=tp > 0)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    recall = np.divide(tp, total, out=np.zeros_like(tp), where=total > 0)
    area = _area(recall, envelope) if points == "all" else _at_levels(recall, envelope, int(points) - 1)
    return np.where(total > 0, area, np.nan)


def at_hits(matches: Matches, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weight of true positives and of all detections up to and including each hit: ``[hits, B]`` twice.

    Recall changes at hits only, so false positives are summed between them, as one sparse product with the weights.
    """
    hits = np.flatnonzero(matches.hit)
    columns = np.ascontiguousarray(weights.T)
    if not hits.size:
        return np.zeros((0, len(weights))), np.zeros((0, len(weights)))
    ranks = np.arange(hits[-1] + 1)
    steps = csr_array(
        (np.ones(ranks.size), (np.searchsorted(hits, ranks), matches.image[ranks])),
        shape=(hits.size, matches.truths.size),
    )
    return np.cumsum(columns[matches.image[hits]], axis=0), np.cumsum(steps @ columns, axis=0)


def _at_levels(recall: FloatArray, envelope: FloatArray, steps: int) -> FloatArray:
    """Mean over recall 0, 1/steps .. 1 of the best precision at that recall or beyond: ``[B]`` from ``[hits, B]``.

    Levels have a guard against rounding, so that recall 3/10 reaches level 0.3.
    """
    padded = np.concatenate([envelope, np.zeros((1, envelope.shape[1]))])
    columns = np.arange(envelope.shape[1])
    values = [padded[(recall < level / steps - 1e-12).sum(axis=0), columns] for level in range(steps + 1)]
    return np.asarray(np.mean(values, axis=0), dtype=np.float64)


def _area(recall: FloatArray, envelope: FloatArray) -> FloatArray:
    steps = np.diff(recall, axis=0, prepend=0.0)
    return np.asarray((steps * envelope).sum(axis=0), dtype=np.float64)
