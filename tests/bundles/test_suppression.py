"""Suppression against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from usnet.boxes import iou_matrix, nms


def by_definition(boxes: np.ndarray, scores: np.ndarray, threshold: float, limit: int) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if len(kept) < limit and all(iou_matrix(boxes[[index]], boxes[[k]])[0, 0] <= threshold for k in kept):
            kept.append(int(index))
    return kept


@pytest.mark.parametrize("seed", range(30))
def test_nms_is_greedy_suppression(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 60))
    centre = rng.uniform(0, 256, (count, 2))
    extent = rng.uniform(0, 100, (count, 2)) * (rng.random((count, 1)) > 0.1)  # some are empty
    boxes = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1).astype(np.float32)
    scores = rng.integers(0, 20, count).astype(np.float32)  # with ties
    threshold, limit = float(rng.choice([0.0, 0.3, 0.5, 1.0])), int(rng.integers(1, 30))
    assert nms(boxes, scores, threshold, limit).tolist() == by_definition(boxes, scores, threshold, limit)
