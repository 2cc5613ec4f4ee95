"""One examination before it is drawn: the scanner and its settings, the breast, and the nodules in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from usnet.phantoms.anatomy import Breast, draw_breast
from usnet.phantoms.display import Knobs, draw_knobs
from usnet.phantoms.geometry import Geometry
from usnet.phantoms.kinds import SIZES_MM, draw_kind
from usnet.phantoms.lesions import Lesion, draw_lesion, draw_size
from usnet.phantoms.scanners import Scanner, draw_scanner, find_scanner
from usnet.values import LABELS, Label

Side = Literal["left", "right"]

SECOND_NODULE = {"cyst": 0.25, "fibroadenoma": 0.08, "invasive ductal carcinoma": 0.05}
"""Chance of a second nodule of the same kind in view."""


@dataclass(frozen=True, slots=True)
class Case:
    """What :func:`usnet.phantoms.simulate.render` draws. ``frame`` is (rows, columns); ``depth_mm`` the depth of the field."""

    label: Label
    scanner: Scanner
    frame: tuple[int, int]
    depth_mm: float
    breast: Breast
    knobs: Knobs
    lesions: tuple[Lesion, ...]
    side: Side

    @property
    def geometry(self) -> Geometry:
        """Screen and beam grid. Spacing is rounded to 1 nm, so that it survives DICOM's decimal strings."""
        row = round(self.depth_mm / self.frame[0], 6)
        spacing = (row, round(row * self.scanner.pixel_aspect, 6))
        finest = max(1, int(np.ceil(2.2 * row / self.scanner.pulse_mm)))
        return Geometry(*self.frame, spacing, min(finest, 4), self.scanner.widening)


def draw_case(
    rng: np.random.Generator,
    label: Label | None = None,
    scanner: Scanner | str | None = None,
    frame: tuple[int, int] | None = None,
) -> Case:
    """Draw an examination; what is ``None`` is drawn too (``frame``: the scanner's own).

    The examiner turns up the depth until the nodule and what lies behind it are in view.
    """
    drawn_label = label or LABELS[int(rng.integers(len(LABELS)))]
    drawn = draw_scanner(rng)
    device = drawn if scanner is None else find_scanner(scanner) if isinstance(scanner, str) else scanner
    rows, columns = frame or device.frame
    shape = columns / rows * device.pixel_aspect / (1 + device.widening)  # of the narrowest part of the field
    depth = float(rng.uniform(*device.depth_mm))
    kind = None if drawn_label == "normal" else draw_kind(rng, drawn_label)
    size = None if kind is None else draw_size(rng, kind)
    if size is not None:
        depth = max(depth, size[1] / 0.55, size[0] / (0.85 * shape))
    breast = draw_breast(rng, depth)
    lesions: tuple[Lesion, ...] = ()
    if kind is not None and size is not None:
        x, z = _place(rng, size, depth, depth * shape, breast)
        lesions = (draw_lesion(rng, kind, size, x, z),)
        if rng.random() < SECOND_NODULE.get(kind.name, 0):
            lesions += _beside(rng, lesions[0], depth * shape)
        breast = _deep_enough(breast, lesions[0])
    side: Side = "left" if rng.random() < 0.5 else "right"
    return Case(drawn_label, device, (rows, columns), depth, breast, draw_knobs(rng), lesions, side)


def _place(
    rng: np.random.Generator, size: tuple[float, float], depth: float, width: float, breast: Breast
) -> tuple[float, float]:
    """Middle of the nodule: under the skin, mostly about the border of fat and gland, mostly near the middle of the screen."""
    top = breast.skin_mm + 1.2 + breast.fat_mm * rng.uniform(0.2, 0.9) + rng.exponential(0.06 * depth)
    z = min(top + size[1] / 2, depth * 0.85 - size[1] / 2)
    z = max(z, breast.skin_mm + 0.8 + size[1] / 2)
    room = max(width / 2 - 0.55 * size[0], 0.0)
    return float(np.clip(rng.normal(0, 0.16 * width), -room, room)), float(z)


def _beside(rng: np.random.Generator, first: Lesion, width: float) -> tuple[Lesion, ...]:
    """A second, smaller nodule beside ``first``; none where there is no room."""
    size = tuple(max(v * rng.uniform(0.45, 0.85), SIZES_MM[0]) for v in (first.width, first.height))
    side = -1.0 if first.x > 0 else 1.0
    x = first.x + side * (0.62 * (first.width + size[0]) + rng.uniform(0.5, 4.0))
    z = max(first.z + rng.normal(0, 2.0), size[1] / 2 + 3.0)
    if abs(x) + size[0] / 2 > width / 2:
        return ()
    return (draw_lesion(rng, first.kind, (size[0], size[1]), x, z),)


def _deep_enough(breast: Breast, lesion: Lesion) -> Breast:
    """The same breast with gland that reaches below the nodule."""
    missing = lesion.z + lesion.height / 2 + 1.0 - (breast.skin_mm + breast.fat_mm + breast.gland_mm)
    return replace(breast, gland_mm=breast.gland_mm + max(missing, 0.0))


def another_view(case: Case, rng: np.random.Generator) -> Case:
    """The same breast and nodule from another direction: other width, slightly other height, other outline, nearby place."""
    lesions = []
    for lesion in case.lesions:
        width = float(np.clip(lesion.width * np.exp(0.15 * rng.normal()), *SIZES_MM))
        height = float(np.clip(lesion.height * np.exp(0.07 * rng.normal()), *SIZES_MM))
        width = min(width, 0.9 * case.geometry.width_mm / (1 + case.scanner.widening))
        height = min(height, 0.6 * case.depth_mm)
        turned = replace(lesion, width=width, height=height, seed=int(rng.integers(2**31)))
        lesions.append(turned.moved(float(rng.normal(0, 0.6)), float(rng.normal(0, 0.4))))
    breast = replace(case.breast, slope=case.breast.slope + float(rng.normal(0, 0.05)))
    knobs = replace(case.knobs, gain_db=case.knobs.gain_db + float(rng.normal(0, 0.7)))
    return replace(case, lesions=tuple(lesions), breast=breast, knobs=knobs)
