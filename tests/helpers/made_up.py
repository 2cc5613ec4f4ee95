"""Diagnoses that no network made, for tests of what comes after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from usnet.values import Box, Diagnosis, Finding, Frame, ModelIdentity, OperatingPoint, Pathology

POINT = OperatingPoint("balanced", 0.5, 0.5, "made up for tests")
MODEL = ModelIdentity("tiny-test", "ab" * 32)


def finding(
    box: tuple[float, float, float, float] = (10.5, 20.25, 30.0, 40.0), score: float = 0.9, probability: float = 0.8
) -> Finding:
    """A finding, malignant from 0.5 on."""
    label: Pathology = "malignant" if probability >= 0.5 else "benign"
    return Finding(Box(*box), score, probability, (1 - score, score), label, (3.0, 8.0))


def diagnosis(*findings: Finding, **changes: Any) -> Diagnosis:
    """A diagnosis of a 120 x 100 frame with these findings."""
    labels = {f.label for f in findings}
    made = Diagnosis(
        image_id="a.png",
        source="exam/a.png",
        width=120,
        height=100,
        findings=findings,
        p_benign=0.1,
        p_malignant=0.2,
        p_normal=1 - 0.1 - 0.2,
        label="malignant" if "malignant" in labels else "benign" if labels else "normal",
        operating_point=POINT,
        model=MODEL,
        seconds=0.1234567,
        candidates=(*findings, finding(score=0.1, probability=1 / 3)),
        warnings=("text: writing is burned in",),
    )
    return replace(made, **changes)


def frame(width: int = 120, height: int = 100, **changes: Any) -> Frame:
    """A grey ramp."""
    pixels = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8), (height, width)).copy()
    return replace(Frame(pixels, "exam/a.png", "0" * 64), **changes)
