"""Simulated B-mode breast ultrasound with exact truth: the same seed gives the same picture, box and mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.errors import ConfigError
from usnet.phantoms.anatomy import breast_tissue
from usnet.phantoms.cases import Case, Side, draw_case
from usnet.phantoms.display import display
from usnet.phantoms.fields import Fields
from usnet.phantoms.geometry import Geometry
from usnet.phantoms.lesions import Lesion, outline, polar
from usnet.phantoms.marks import burn_in
from usnet.phantoms.nodule_tissue import with_lesion
from usnet.phantoms.physics import Complex, draw_scatterers, envelope
from usnet.phantoms.scanners import Scanner
from usnet.values import LABELS, Box, Flag, Label, Nodule, UInt8Image

SMALLEST = 64
"""Least rows and columns of a phantom."""

BoolMask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A simulated image and its truth.

    ``pixels`` uint8 and ``mask`` bool are ``[H, W]``; every nodule's box is the extent of its part of the mask (a mask pixel in
    column ``c`` covers ``[c, c + 1)``). ``spacing_mm`` is (row, column), ``side`` the breast. ``flags`` name what is burned in. A
    normal phantom has no nodules and an empty mask.
    """

    pixels: UInt8Image
    mask: BoolMask
    nodules: tuple[Nodule, ...]
    label: Label
    spacing_mm: tuple[float, float]
    scanner: str
    seed: int
    side: Side
    flags: frozenset[Flag] = frozenset()


def simulate(
    seed: int,
    *,
    label: Label | None = None,
    scanner: Scanner | str | None = None,
    size: tuple[int, int] | None = (256, 256),
) -> Phantom:
    """Simulate one image.

    Parameters
    ----------
    seed
        Fixes everything that is not given; 0 or more.
    label
        benign, malignant or normal; drawn with equal chances by default.
    scanner
        A :class:`~usnet.phantoms.scanners.Scanner` or the name of one; drawn by default.
    size
        (rows, columns) in pixels; ``None`` is the scanner's own frame.

    Raises
    ------
    ConfigError
        The scanner or label is unknown, the seed negative, or the size below 64 pixels a side.
    """
    check_request(seed, label, size)
    case = draw_case(np.random.default_rng((seed, 0)), label, scanner, size)
    return render(case, seed)


def check_request(seed: int, label: str | None, size: tuple[int, int] | None) -> None:
    """Raise :class:`ConfigError` for a seed, label or size that cannot be simulated."""
    if seed < 0:
        raise ConfigError(f"seed {seed}", expected="0 or more")
    if label is not None and label not in LABELS:
        raise ConfigError(f"label {label!r}", expected=", ".join(LABELS))
    if size is not None and min(size) < SMALLEST:
        raise ConfigError(f"size {size[0]} x {size[1]}", expected=f"at least {SMALLEST} pixels a side")


def render(case: Case, seed: int, *, phase: float = 0.0, scatterers: Complex | None = None) -> Phantom:
    """Draw an examination.

    ``seed`` fixes texture and speckle, ``phase`` turns to a neighbouring plane of the same tissue (see
    :class:`~usnet.phantoms.fields.Fields`), ``scatterers`` replaces the speckle of the seed.
    """
    geometry = case.geometry
    fields = Fields(geometry, (seed, 1), phase)
    tissue = breast_tissue(case.breast, geometry, fields)
    for lesion in case.lesions:
        tissue = with_lesion(tissue, lesion, geometry, fields)
    if scatterers is None:
        scatterers = draw_scatterers(np.random.default_rng((seed, 2)), geometry, case.scanner.looks)
    pixels = display(envelope(tissue, scatterers, geometry, case.scanner), geometry, case.scanner, case.knobs)
    masks = [lesion_mask(lesion, geometry) for lesion in case.lesions]
    nodules = tuple(_nodule(x, m, k) for k, (x, m) in enumerate(zip(case.lesions, masks, strict=True), 1) if m.any())
    rng = np.random.default_rng((seed, 3))
    flags = _flags(case.scanner, rng)
    boxes = tuple(nodule.box for nodule in nodules)
    return Phantom(
        pixels=burn_in(pixels, boxes, geometry, flags, case.side, rng),
        mask=np.logical_or.reduce(masks) if masks else np.zeros(case.frame, dtype=np.bool_),
        nodules=nodules,
        label=case.label,
        spacing_mm=geometry.spacing_mm,
        scanner=case.scanner.name,
        seed=seed,
        side=case.side,
        flags=flags,
    )


def lesion_mask(lesion: Lesion, geometry: Geometry) -> BoolMask:
    """``bool [rows, columns]``: pixels whose centre lies inside the outline and in view."""
    shape = (geometry.rows, geometry.columns)
    x = np.broadcast_to(geometry.screen_x[None, :], shape)
    z = np.broadcast_to(geometry.z[:, None], shape)
    inside: BoolMask = (polar(outline(lesion), x, z).distance < 0) & geometry.in_view()
    return inside


def _nodule(lesion: Lesion, mask: BoolMask, number: int) -> Nodule:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Nodule(
        box=Box(float(columns[0]), float(rows[0]), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)),
        pathology=lesion.kind.pathology,
        nodule_id=str(number),
        histology=lesion.kind.name,
        diameter_mm=round(lesion.diameter_mm, 2),
    )


def _flags(scanner: Scanner, rng: np.random.Generator) -> frozenset[Flag]:
    shares: tuple[tuple[Flag, float], ...] = (("text", scanner.text), ("calipers", scanner.calipers))
    found: list[Flag] = [flag for flag, share in shares if rng.random() < share]
    return frozenset(found)
