"""What the frozen model says of the cases, entered by the system when the study starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usnet.readers.place import StudyError
from usnet.readers.protocol import Ai
from usnet.values import Failure


@dataclass(frozen=True, slots=True)
class AiReading:
    """One case as the model reads it: label and probability of malignancy of the image, and the boxes at the operating point."""

    label: str
    probability: float
    boxes: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class AiReader:
    """The model as a reader: who it is, at which operating point, and its readings by case."""

    name: str
    sha256: str
    operating_point: dict[str, Any]
    readings: Mapping[str, AiReading]


def read_with(ai: Ai, images: Mapping[str, Path]) -> AiReader:
    """Let the bundle of the protocol read the files of the cases, by name of the case.

    Raises
    ------
    BundleError, ConfigError
        There is no such bundle or operating point.
    StudyError
        The bundle is not the one that the protocol names by its hash, or an image cannot be diagnosed.
    """
    from usnet.diagnosis.pipeline import Diagnoser

    diagnoser = Diagnoser(ai.bundle, operating_point=ai.operating_point)
    readings: dict[str, AiReading] = {}
    identity = None
    for name, result in zip(images, diagnoser.stream(list(images.values())), strict=True):
        if isinstance(result, Failure):
            raise StudyError(f"the model cannot read case {name}: {result.reason}", source=result.source)
        identity = result.model
        boxes = tuple(
            {
                "box": [round(v, 1) for v in finding.box.as_list()],
                "label": finding.label,
                "probability": round(finding.probability, 4),
                "score": round(finding.score, 4),
            }
            for finding in result.findings
        )
        readings[name] = AiReading(result.label, round(result.p_malignant, 6), boxes)
    if identity is None:
        raise StudyError("no cases for the model to read")
    if ai.sha256 is not None and identity.sha256 != ai.sha256:
        raise StudyError(
            f"bundle {ai.bundle!r} has sha256 {identity.sha256[:12]}...",
            expected=f"{ai.sha256[:12]}..., as the protocol says",
            hint="Take that bundle, or change the protocol before the study starts",
        )
    point = diagnoser.operating_point
    stored = {name: getattr(point, name) for name in ("name", "detection", "malignancy", "origin")}
    return AiReader(identity.name, identity.sha256, stored, readings)
