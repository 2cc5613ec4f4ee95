"""Two views side by side: of one nodule, with one opinion; or earlier and now, with the change in size."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from usnet.diagnosis.fuse import View as FusedView
from usnet.diagnosis.fuse import fuse
from usnet.values import Diagnosis, Finding, OperatingPoint
from usnet.web.diagnose.points import at_point

Mode = Literal["views", "prior"]


class Change(BaseModel):
    """Of a nodule from the earlier to the later view, in percent of the earlier; ``None`` where either is uncalibrated."""

    width: float | None
    height: float | None
    longest: float | None
    earlier_mm: tuple[float, float] | None
    later_mm: tuple[float, float] | None


class Together(BaseModel):
    """One opinion on two views at one operating point; ``agree`` says whether both views have the same label."""

    point: str
    label: str
    p_benign: float
    p_malignant: float
    p_normal: float
    agree: bool
    labels: tuple[str, str]
    change: Change | None


def key_frame(diagnoses: list[Diagnosis]) -> int:
    """The frame to show first: with the highest probability of malignancy among findings, else with the strongest candidate."""

    def rank(diagnosis: Diagnosis) -> tuple[float, float]:
        found = max((f.probability for f in diagnosis.findings), default=-1.0)
        return found, max((c.score for c in diagnosis.candidates), default=0.0)

    return max(range(len(diagnoses)), key=lambda number: rank(diagnoses[number]))


def together(first: Diagnosis, second: Diagnosis, point: OperatingPoint) -> Together:
    """The opinion on two key frames: the mean of log-odds, as for views of one nodule (:mod:`usnet.diagnosis.fuse`)."""
    both = [at_point(diagnosis, point) for diagnosis in (first, second)]
    said = fuse("both", [FusedView.of(diagnosis) for diagnosis in both], "mean-log-odds")
    return Together(
        point=point.name,
        label=said.label,
        p_benign=said.p_benign,
        p_malignant=said.p_malignant,
        p_normal=said.p_normal,
        agree=said.agree,
        labels=(both[0].label, both[1].label),
        change=change(_main(both[0]), _main(both[1])),
    )


def change(earlier: Finding | None, later: Finding | None) -> Change | None:
    """How a nodule changed; ``None`` where one view has no finding."""
    if earlier is None or later is None:
        return None
    if earlier.size_mm is None or later.size_mm is None:
        return Change(width=None, height=None, longest=None, earlier_mm=earlier.size_mm, later_mm=later.size_mm)
    return Change(
        width=_percent(earlier.size_mm[0], later.size_mm[0]),
        height=_percent(earlier.size_mm[1], later.size_mm[1]),
        longest=_percent(max(earlier.size_mm), max(later.size_mm)),
        earlier_mm=earlier.size_mm,
        later_mm=later.size_mm,
    )


def _percent(earlier: float, later: float) -> float | None:
    return 100.0 * (later - earlier) / earlier if earlier > 0 else None


def _main(diagnosis: Diagnosis) -> Finding | None:
    """The finding that is compared: the one with the highest score."""
    return diagnosis.findings[0] if diagnosis.findings else None
