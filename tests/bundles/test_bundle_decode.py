"""Raw heads to candidates."""

from __future__ import annotations

import numpy as np
import pytest

from usnet.anchors import AnchorSpec, anchor_boxes, encode
from usnet.bundles.decode import candidates
from usnet.bundles.manifest import Postprocessing

SPEC = AnchorSpec()
SETTINGS = Postprocessing()


def heads(*spots: tuple[int, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Heads on which only these (anchor, benign, malignant) speak."""
    logits = np.full((SPEC.total, 2), -12, dtype=np.float32)
    for anchor, benign, malignant in spots:
        logits[anchor] = benign, malignant
    return logits, np.zeros((SPEC.total, 4), dtype=np.float32)


def test_silence_gives_no_candidates() -> None:
    found = candidates(*heads(), SPEC, SETTINGS)
    assert found.boxes.shape == (0, 4)
    assert found.logits.shape == (0, 2)
    assert found.scores.shape == found.log_ratio.shape == (0,)


def test_one_box_comes_back_where_it_was_encoded() -> None:
    anchor = 4096 * 9 + 500
    logits, deltas = heads((anchor, -1.0, 2.0))
    box = np.array([[30.0, 40.0, 90.0, 70.0]])
    deltas[anchor] = encode(box, anchor_boxes(SPEC)[anchor][None], SPEC)[0]
    found = candidates(logits, deltas, SPEC, SETTINGS)
    np.testing.assert_allclose(found.boxes, box, atol=1e-3)
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert found.log_ratio[0] == pytest.approx(3.0)


def test_order_suppression_and_limit() -> None:
    first, second, far = 4096 * 9 + 500, 4096 * 9 + 501, 10
    found = candidates(*heads((far, 0.5, -3), (second, 1.0, 0), (first, 0, 3.0)), SPEC, SETTINGS)
    np.testing.assert_allclose(found.logits, [[0, 3.0], [0.5, -3]])
    one = candidates(*heads((far, 0.5, -3), (first, 0, 3.0)), SPEC, Postprocessing(max_candidates=1))
    assert len(one.boxes) == 1


def test_boxes_are_cut_to_the_input() -> None:
    found = candidates(*heads((0, 2.0, 0.0)), SPEC, SETTINGS)
    assert found.boxes.min() >= 0
