"""What a comparison of two models says."""

from __future__ import annotations

from dataclasses import dataclass

from usnet.evaluation.discrimination import BoolArray
from usnet.evaluation.metric import Unit
from usnet.evaluation.truth import FloatArray
from usnet.statistics.intervals import Interval
from usnet.values import ModelIdentity, OperatingPoint


@dataclass(frozen=True, slots=True)
class Difference:
    """``first - second`` of one measure. ``n`` says over what it is taken, ``note`` why p or interval is missing."""

    measure: str
    subject: str
    unit: Unit
    n: str
    first: float | None
    second: float | None
    interval: Interval | None
    p: float | None
    method: str
    note: str | None = None

    @property
    def difference(self) -> float | None:
        """First minus second."""
        return None if self.first is None or self.second is None else self.first - self.second


@dataclass(frozen=True, slots=True)
class RunComparison:
    """All differences of two models; ``curves`` hold (subject, positive ``[N]``, both scores ``[N]``) of the ROC to draw."""

    models: tuple[ModelIdentity, ModelIdentity]
    points: tuple[OperatingPoint, OperatingPoint]
    images: int
    patients: int
    groups: int
    draws: int
    seed: int
    level: float
    differences: tuple[Difference, ...]
    curve: tuple[str, BoolArray, FloatArray, FloatArray]
    warnings: tuple[str, ...]

    def get(self, measure: str, subject: str, unit: Unit | None = None) -> Difference | None:
        """The row of that name (of images before patients), ``None`` where there is none."""
        same = (d for d in self.differences if (d.measure, d.subject) == (measure, subject))
        return next((d for d in same if unit in (None, d.unit)), None)
