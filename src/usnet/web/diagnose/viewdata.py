"""A view as the page and the API show it: pictures by address, boxes in frame pixels, one opinion for each operating point."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.diagnosis.gate import OVERRULED
from usnet.reports.one_json import diagnosis_from_json
from usnet.values import Diagnosis, OperatingPoint
from usnet.web.diagnose.model import Facts
from usnet.web.diagnose.points import at_point
from usnet.web.tables import View, ViewFrame

GRAVE = (OVERRULED, "colour:", "blank:", "file: modality")
"""Beginnings of warnings that make the numbers worth little: the page asks before it shows them."""


class Point(BaseModel):
    """An operating point of the model."""

    name: str
    detection: float
    malignancy: float
    origin: str
    default: bool


class Candidate(BaseModel):
    """A box that is a finding at one operating point at least; ``box`` is x, y, width, height in frame pixels."""

    box: tuple[float, float, float, float]
    score: float
    probability: float
    size_mm: tuple[float, float] | None


class Opinion(BaseModel):
    """What is said at one operating point; ``findings`` are places in ``candidates``."""

    label: str
    p_benign: float
    p_malignant: float
    p_normal: float
    findings: list[int]


class FrameData(BaseModel):
    """One frame."""

    number: int
    picture: str
    warnings: list[str]
    grave: bool
    candidates: list[Candidate]
    opinions: dict[str, Opinion]


class Spacing(BaseModel):
    """Millimetres a pixel, and the attribute of the file that says so."""

    row: float
    column: float
    source: str | None


class ViewData(BaseModel):
    """An image or a cine loop with its findings."""

    exam: str
    view: str
    name: str
    width: int
    height: int
    spacing: Spacing | None
    model: dict[str, str]
    calibration: str
    points: list[Point]
    frames: list[FrameData]
    reference: dict[str, Any] | None
    note: str | None


def diagnoses(session: Session, view: str) -> list[tuple[Diagnosis, str]]:
    """Diagnoses of a view's frames in order, with the sha256 of their pictures."""
    query = select(ViewFrame).where(ViewFrame.view == view).order_by(ViewFrame.number)
    return [(diagnosis_from_json(row.diagnosis), row.picture) for row in session.scalars(query)]


def view_data(session: Session, view: View, facts: Facts) -> ViewData:
    """Everything that the viewer needs."""
    said = diagnoses(session, view.id)
    points = points_for(facts, said[0][0]) if said else facts.points
    address = f"/api/exams/{view.exam}/views/{view.id}/frames"
    first = said[0][0] if said else None
    return ViewData(
        exam=view.exam,
        view=view.id,
        name=view.name,
        width=view.width,
        height=view.height,
        spacing=_spacing(view),
        model={"name": first.model.name, "sha256": first.model.sha256} if first else {},
        calibration=facts.calibration,
        points=[_point(point, facts.default) for point in points],
        frames=[_frame(number, d, points, f"{address}/{number}/picture") for number, (d, _) in enumerate(said)],
        reference=facts.reference.as_dict() if facts.reference and _same(facts, first) else None,
        note=view.reason,
    )


def points_for(facts: Facts, diagnosis: Diagnosis) -> tuple[OperatingPoint, ...]:
    """The points that this diagnosis can be shown at: the server's model's, or its own alone where another model made it."""
    return facts.points if _same(facts, diagnosis) else (diagnosis.operating_point,)


def _same(facts: Facts, diagnosis: Diagnosis | None) -> bool:
    return diagnosis is not None and diagnosis.model.sha256 == facts.bundle.identity.sha256


def _point(point: OperatingPoint, default: str) -> Point:
    return Point(
        name=point.name,
        detection=point.detection,
        malignancy=point.malignancy,
        origin=point.origin,
        default=point.name == default,
    )


def _spacing(view: View) -> Spacing | None:
    if view.spacing_row is None or view.spacing_column is None:
        return None
    return Spacing(row=view.spacing_row, column=view.spacing_column, source=view.spacing_source)


def _frame(number: int, diagnosis: Diagnosis, points: tuple[OperatingPoint, ...], picture: str) -> FrameData:
    lowest = min(point.detection for point in points)
    shown = [candidate for candidate in diagnosis.candidates if candidate.score >= lowest]
    return FrameData(
        number=number,
        picture=picture,
        warnings=list(diagnosis.warnings),
        grave=any(warning.startswith(GRAVE) for warning in diagnosis.warnings),
        candidates=[
            Candidate(box=_four(c.box.as_list()), score=c.score, probability=c.probability, size_mm=c.size_mm)
            for c in shown
        ],
        opinions={point.name: _opinion(at_point(diagnosis, point)) for point in points},
    )


def _opinion(said: Diagnosis) -> Opinion:
    """Findings come first among the candidates, because both are sorted by falling score."""
    return Opinion(
        label=said.label,
        p_benign=said.p_benign,
        p_malignant=said.p_malignant,
        p_normal=said.p_normal,
        findings=list(range(len(said.findings))),
    )


def _four(values: list[float]) -> tuple[float, float, float, float]:
    x, y, width, height = values
    return x, y, width, height
