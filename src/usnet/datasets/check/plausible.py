"""Values that a breast examination does not have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from usnet.datasets.check.context import Context
from usnet.datasets.check.report import Problem
from usnet.datasets.records import ImageRecord

AGE = (10.0, 110.0)
"""Years."""
SPACING = (0.01, 0.6)
"""Millimetres a pixel: a 2560-pixel screen showing 3 cm, and a 256-pixel one showing 15 cm."""
ANISOTROPY = 1.5
DIAMETER = (1.0, 200.0)
"""Millimetres."""
DISAGREEMENT = 3.0
"""Factor between the reported diameter and the box's longer side."""


def check_values(context: Context) -> Iterator[Problem]:
    """Ages, pixel spacings and diameters out of any reasonable range, or not numbers at all."""
    for item in context.items:
        for kind, message, hint in _faults(item.record):
            yield Problem("warning", kind, message, item.record.file_name, item.row, hint)


def _faults(record: ImageRecord) -> Iterator[tuple[str, str, str]]:
    if record.age is not None and not _within(record.age, AGE):
        yield "age", f"age {record.age!r}", "Years, 10 to 110; null if unknown"
    spacing = record.spacing_mm
    sound = spacing is not None and all(_within(v, SPACING) for v in spacing)
    if spacing is not None and not sound:
        yield "spacing", f"spacing {spacing} mm a pixel", "Millimetres (row, column), 0.01 to 0.6; null if unknown"
    elif spacing is not None and max(spacing) > ANISOTROPY * min(spacing):
        yield (
            "spacing",
            f"spacing {spacing} mm differs between rows and columns",
            "Look whether the image was stretched",
        )
    for nodule in record.nodules:
        diameter = nodule.diameter_mm
        if diameter is None:
            continue
        if not _within(diameter, DIAMETER):
            yield "diameter", f"diameter {diameter!r} mm", "Millimetres, not centimetres or pixels; null if unknown"
        elif spacing is not None and sound and nodule.box.area > 0:
            seen = max(nodule.box.width * spacing[1], nodule.box.height * spacing[0])
            if not 1 / DISAGREEMENT <= seen / diameter <= DISAGREEMENT:
                yield "diameter", f"diameter {diameter:g} mm, but the box measures {seen:.1f} mm", "Compare the units"


def _within(value: Any, limits: tuple[float, float]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return limits[0] <= value <= limits[1]
