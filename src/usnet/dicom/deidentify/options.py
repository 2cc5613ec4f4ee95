"""What a de-identification keeps, as options of PS3.15 Annex E.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from usnet.values import Box

Dates = Literal["shift", "remove"]
Kept = Literal["patient", "device", "descriptions"]

KEEP: tuple[Kept, ...] = ("patient", "device", "descriptions")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one run.

    Parameters
    ----------
    dates
        ``shift`` moves all dates of a patient by the same number of days; ``remove`` takes dates and times out.
    keep
        ``patient``: age (90 and more as 090Y), sex, size, weight and the like. ``device``: serial numbers and station names.
        ``descriptions``: the ultrasound words of study and series descriptions; all other words go.
    area
        The picture in frame pixels, for files whose header states no ultrasound region.
    ocr
        Words inside the picture are looked for with tesseract too.
    """

    dates: Dates = "shift"
    keep: frozenset[Kept] = frozenset()
    area: Box | None = None
    ocr: bool = False
