"""The second look's word joined to the detector's: numpy only, the same when fitting and when serving."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import SecondLook

IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float32]


def worth_a_look(found: Candidates, settings: SecondLook) -> IntArray:
    """Indices of the boxes to look at: the strongest, and further ones from ``min_score`` on, at most ``boxes``; none of none."""
    chosen = np.flatnonzero(found.scores >= settings.min_score)[: settings.boxes]
    return chosen if chosen.size or not len(found.boxes) else np.zeros(1, dtype=np.intp)


def evidence(log_ratio: FloatArray, look: FloatArray, settings: SecondLook) -> FloatArray:
    """Log-odds of malignancy ``[N]`` from the detector's log ratios and the second look's logits, NaN where none was taken."""
    joined = settings.detector * log_ratio + settings.look * look + settings.intercept
    alone = settings.alone.slope * log_ratio + settings.alone.intercept
    return np.where(np.isnan(look), alone, joined).astype(np.float32)


def revised(found: Candidates, look: FloatArray, settings: SecondLook) -> Candidates:
    """Candidates whose log ratio is the joined evidence.

    The larger logit, and with it the detection score and the order, stays as the detector gave it: the second look says what a
    nodule is, not whether there is one. The other logit moves. ``look [N]`` is NaN for boxes that were not looked at.
    """
    joined = evidence(found.log_ratio, look, settings)
    strongest = found.logits.max(axis=1, initial=-np.inf)
    benign, malignant = strongest - np.maximum(joined, 0), strongest + np.minimum(joined, 0)
    return Candidates(found.boxes, np.stack([benign, malignant], axis=1).astype(np.float32))
