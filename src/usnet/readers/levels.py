"""Levels of experience by years, with limits that belong to one level only.

Table 1 of Li et al. 2020 gives 10, 15 and 25 years to two levels each; here a level holds ``from_years <= years < to_years``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Level(BaseModel):
    """A level: short name, title, and years of experience in breast ultrasound from (included) and to (not included)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[\w-]{1,20}$")]
    title: str
    from_years: Annotated[float, Field(ge=0)]
    to_years: Annotated[float, Field(gt=0)] | None = None

    def text(self) -> str:
        """``[5, 10) years``."""
        return (
            f">= {self.from_years:g} years"
            if self.to_years is None
            else f"[{self.from_years:g}, {self.to_years:g}) years"
        )


def check_levels(levels: Sequence[Level]) -> None:
    """Raise ``ValueError`` unless the levels cover all years from 0 on, once."""
    if not levels:
        raise ValueError("no levels")
    if len({level.name for level in levels}) != len(levels):
        raise ValueError("two levels have one name")
    if levels[0].from_years != 0:
        raise ValueError(f"the first level begins at {levels[0].from_years:g} years, not at 0")
    for low, high in pairwise(levels):
        if low.to_years is None or low.to_years > high.from_years:
            raise ValueError(
                f"levels overlap: {low.name} {low.text()} and {high.name} {high.text()}; "
                "a reader must belong to one level"
            )
        if low.to_years < high.from_years:
            raise ValueError(f"no level for {low.to_years:g} to {high.from_years:g} years")
    if levels[-1].to_years is not None:
        raise ValueError(f"the last level ends at {levels[-1].to_years:g} years; leave its to_years out")
    if any(level.to_years is not None and level.to_years <= level.from_years for level in levels):
        raise ValueError("a level ends before it begins")


def level_of(years: float, levels: Sequence[Level]) -> Level:
    """The level that ``years`` belong to.

    Raises
    ------
    ValueError
        ``years`` is negative or not finite.
    """
    if not 0 <= years < 100:
        raise ValueError(f"{years} years of experience")
    return next(level for level in reversed(levels) if years >= level.from_years)
