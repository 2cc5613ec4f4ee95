"""Free-response ROC: the share of nodules found against the false positives an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.statistics.arrays import FloatArray, ratio, tie_ends
from usnet.statistics.detection import Matches, at_hits

LEVELS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""False positives an image at which the sensitivity is read off."""


@dataclass(frozen=True, slots=True)
class Froc:
    """Points after each distinct score, from (0, 0) on; a mark counts at ``score >= threshold``.

    ``false_positives`` is per image over all images, ``on_normal`` per normal image (``None`` where there is none): a false mark on
    a normal breast recalls a healthy woman, one beside a nodule may not.
    """

    thresholds: FloatArray
    sensitivity: FloatArray
    false_positives: FloatArray
    on_normal: FloatArray | None
    nodules: int
    images: int
    normal_images: int


def froc(matches: Matches, normal: npt.ArrayLike) -> Froc | None:
    """FROC curve; ``normal [I]`` marks images without a nodule. ``None`` where there is no nodule."""
    is_normal = np.asarray(normal, dtype=bool)
    nodules = int(matches.truths.sum())
    if nodules == 0:
        return None
    last = tie_ends(matches.score)
    hits = np.cumsum(matches.hit)[last]
    misses = np.cumsum(~matches.hit)[last]
    normals = int(is_normal.sum())
    on_normal = None
    if normals:
        marks = np.cumsum(is_normal[matches.image])[last]
        on_normal = np.concatenate([[0.0], marks / normals])
    return Froc(
        np.concatenate([[np.inf], matches.score[last]]),
        np.concatenate([[0.0], hits / nodules]),
        np.concatenate([[0.0], misses / is_normal.size]),
        on_normal,
        nodules,
        int(is_normal.size),
        normals,
    )


def weighted_sensitivity(matches: Matches, weights: FloatArray, levels: tuple[float, ...] = LEVELS) -> FloatArray:
    """Sensitivity at each level of false positives an image, under image weights ``[B, I]``: ``[B, levels]``.

    The most sensitive point with at most that many false positives. Among equal scores false positives count first.
    """
    nodules, images = weights @ matches.truths, weights.sum(axis=1)
    tp, seen = at_hits(matches, weights)
    false, gain = seen - tp, np.diff(tp, axis=0, prepend=0.0)
    found = [(gain * (false <= level * images + 1e-9)).sum(axis=0) for level in levels]
    return np.stack([ratio(hits, nodules) for hits in found], axis=1)
