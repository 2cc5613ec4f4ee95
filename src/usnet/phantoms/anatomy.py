"""The breast without a lesion: skin, subcutaneous fat, gland, retromammary fat, pectoral muscle, sometimes a rib and the pleura.

Echo levels, thicknesses and attenuation follow what breast ultrasound shows (fat is the grey reference, gland brighter, muscle
striped): Stavros, Breast Ultrasound, 2004. The numbers were set by eye against public images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from usnet.phantoms.fields import Fields, strands
from usnet.phantoms.geometry import Geometry, Map
from usnet.phantoms.physics import Tissue

FAT_DB, GLAND_DB, MUSCLE_DB = -13.0, 0.0, -12.0
FAT_LOSS, GLAND_LOSS, MUSCLE_LOSS, SKIN_LOSS, STRAND_LOSS = 0.45, 0.65, 0.8, 1.2, 1.5
"""Attenuation in dB / cm / MHz; Cooper's ligaments add ``STRAND_LOSS`` and so cast faint shadows."""


@dataclass(frozen=True, slots=True)
class Breast:
    """One woman's breast. Thicknesses in mm; ``density`` in [0, 1] is how much of the gland is fibrous; ``slope`` tilts the deep
    layers.

    ``lobule_mm`` is the size of the fat lobules, ``leopard`` the share of dark ducts and lobules in the gland, ``contact_db`` how
    uneven the probe couples, ``rib_mm`` the lateral position of a rib (``None``: none in the field).
    """

    skin_mm: float
    fat_mm: float
    gland_mm: float
    deep_fat_mm: float
    muscle_mm: float
    density: float
    lobule_mm: float
    leopard: float
    slope: float
    contact_db: float
    rib_mm: float | None
    fat_db: float


def draw_breast(rng: np.random.Generator, depth_mm: float) -> Breast:
    """A breast whose layers fill a field of about ``depth_mm``."""
    density = float(rng.beta(1.6, 1.4))
    gland = depth_mm * (0.16 + 0.42 * density) * rng.uniform(0.8, 1.4)
    return Breast(
        skin_mm=float(rng.uniform(1.0, 2.2)),
        fat_mm=float(np.clip(depth_mm * (0.36 - 0.24 * density) * rng.uniform(0.6, 1.4), 2.0, 18)),
        gland_mm=float(gland),
        deep_fat_mm=float(rng.uniform(0.5, 4.0)),
        muscle_mm=float(rng.uniform(6, 16)),
        density=density,
        lobule_mm=float(rng.uniform(4.0, 9.0)),
        leopard=float(rng.beta(1.2, 2.0)),
        slope=float(rng.normal(0, 0.09)),
        contact_db=float(min(rng.gamma(1.5, 1.5), 4.5)),
        rib_mm=float(rng.uniform(-25, 25)) if rng.random() < 0.1 else None,
        fat_db=float(FAT_DB + rng.normal(0, 2.0)),
    )


@dataclass(frozen=True, slots=True)
class Layers:
    """Depths in mm ``[beams]`` of the lower edges of the layers."""

    skin: Map
    fat: Map
    gland: Map
    deep_fat: Map
    muscle: Map


def layers(breast: Breast, geometry: Geometry, fields: Fields) -> Layers:
    """Layer boundaries: smooth, sloping, and the gland scalloped where Cooper's ligaments pull it up."""
    x = geometry.lateral
    skin = breast.skin_mm + 0.08 * fields.curve(12)
    wave = np.abs(np.sin(np.pi * x / (2.6 * breast.lobule_mm) + fields.curve(14)))
    scallop = ndimage.gaussian_filter1d((1 - wave) * min(0.5 * breast.fat_mm, 5.0), 0.8 / geometry.spacing_mm[1])
    fat = skin + np.maximum(breast.fat_mm * (1 + 0.22 * fields.curve(16)) - scallop, 0.6)
    tilt = breast.slope * x
    gland = breast.skin_mm + breast.fat_mm + breast.gland_mm * (1 + 0.10 * fields.curve(20)) + tilt
    gland = np.maximum(gland, fat + 1.0)
    deep_fat = gland + breast.deep_fat_mm * (1 + 0.25 * fields.curve(15))
    muscle = breast.skin_mm + breast.fat_mm + breast.gland_mm + breast.deep_fat_mm + breast.muscle_mm + tilt
    muscle = np.maximum(muscle + 0.5 * fields.curve(25), deep_fat + 2)
    return Layers(skin, fat, gland, deep_fat, muscle)


def breast_tissue(breast: Breast, geometry: Geometry, fields: Fields) -> Tissue:
    """Tissue maps of a breast without a lesion."""
    edges = layers(breast, geometry, fields)
    z = geometry.z[:, None]
    in_fat, in_gland, in_deep, in_muscle, below = (
        _step(z - top, 0.25) for top in (edges.skin, edges.fat, edges.gland, edges.deep_fat, edges.muscle)
    )
    fat_db, fat_lines = _bent(_fat(breast, geometry, fields), edges.fat, geometry)
    gland_db, gland_lines = _bent(_gland(breast, geometry, fields, fat_db), (edges.fat + 2 * edges.gland) / 3, geometry)
    muscle_db, muscle_lines = _bent(_muscle(geometry, fields), edges.deep_fat, geometry)
    uneven = fields.smooth(5.0, 8.0)
    skin_db = np.full_like(fat_db, -1.0)
    deep_db = -34.0 + 4.0 * fields.smooth(0.5, 6.0)
    db = _blend(
        skin_db, (in_fat, fat_db), (in_gland, gland_db), (in_deep, fat_db), (in_muscle, muscle_db), (below, deep_db)
    )
    db = db + 2.0 * in_fat * uneven
    none = np.zeros_like(fat_db)
    lines = _blend(
        none,
        (in_fat, fat_lines),
        (in_gland, gland_lines),
        (in_deep, fat_lines),
        (in_muscle, muscle_lines),
        (below, none),
    )
    loss = _blend(
        none + SKIN_LOSS,
        (in_fat, (FAT_LOSS + STRAND_LOSS * np.minimum(fat_lines, 1)).astype(np.float32)),
        (in_gland, np.clip(GLAND_LOSS + 0.25 * uneven + 0.02 * np.maximum(gland_db, -12), 0.3, 1.2).astype(np.float32)),
        (in_deep, none + FAT_LOSS),
        (in_muscle, none + MUSCLE_LOSS),
    )
    specular = lines + _fasciae(edges, geometry, fields)
    tissue = Tissue(db.astype(np.float32), specular.astype(np.float32), loss.astype(np.float32))
    tissue = _with_rib(tissue, breast, edges, geometry)
    return _with_contact(tissue, breast, geometry, fields)


def _fat(breast: Breast, geometry: Geometry, fields: Fields) -> tuple[Map, Map]:
    """Dark lobules with thin septa between them; oblique Cooper's ligaments."""
    size = breast.lobule_mm
    lobules = fields.cells(0.42 * size, size, tilt=0.12)
    septa = strands(lobules, geometry.spacing_mm, 0.09, 0.35)
    ligaments = strands(fields.cells(0.55 * size, 1.6 * size, tilt=-0.3), geometry.spacing_mm, 0.10, 0.5)
    broken = np.clip(0.35 + 0.6 * fields.smooth(0.8, 2.5), 0, 1.8)
    db = breast.fat_db + 1.2 * lobules + 1.8 * fields.smooth(0.35, 1.8) + 6.0 * np.maximum(septa, ligaments)
    lines = broken * (0.8 * septa + 0.7 * ligaments)
    return db.astype(np.float32), lines.astype(np.float32)


def _gland(breast: Breast, geometry: Geometry, fields: Fields, fat_db: Map) -> tuple[Map, Map]:
    """Bright fibrous stroma in horizontal bundles, dark ducts and lobules in it, islands of fat where it is not dense."""
    bundles = fields.smooth(0.35, 2.8)
    patches = fields.smooth(1.8, 5.0)
    ducts = _step(fields.cells(0.75, 2.0) - (1.5 - 1.5 * breast.leopard), 0.3)
    islands = _step(patches - (0.1 + 1.9 * breast.density), 0.3)
    db = GLAND_DB + 3.6 * bundles + 2.2 * patches - (6 + 6 * breast.leopard) * ducts
    db = db * (1 - islands) + (fat_db + 1) * islands
    fibres = strands(fields.cells(1.2, 8.0), geometry.spacing_mm, 0.10, 0.35)
    lines = fibres * np.clip(0.1 + 0.5 * bundles + 0.6 * patches, 0, 2.0) * (1.5 - 0.6 * breast.density)
    return db.astype(np.float32), lines.astype(np.float32)


def _muscle(geometry: Geometry, fields: Fields) -> tuple[Map, Map]:
    """Dark fibres between long bright perimysial strands along the muscle."""
    grain = fields.cells(0.6, 7.0)
    striae = strands(grain, geometry.spacing_mm, 0.09, 0.4) * np.clip(0.2 + 0.7 * fields.smooth(0.6, 3.0), 0, 1.8)
    return MUSCLE_DB + 2.0 * grain + 2.0 * fields.smooth(0.35, 3.0), 0.7 * striae


def _bent(maps: tuple[Map, Map], edge: npt.NDArray[np.floating[Any]], geometry: Geometry) -> tuple[Map, Map]:
    """Echo level and strands that follow a layer boundary halfway; where they slope, the strands lose their specular echo."""
    step_z, step_x = geometry.spacing_mm
    course = 0.5 * ndimage.gaussian_filter1d(edge - edge.mean(), 3.0 / step_x)
    shift = np.rint(course / step_z).astype(np.intp)
    rows = (np.arange(geometry.rows)[:, None] - shift[None, :]) % geometry.rows  # the fields are periodic
    square = np.exp(-0.5 * (np.gradient(course, step_x) / 0.15) ** 2).astype(np.float32)
    return np.take_along_axis(maps[0], rows, axis=0), square * np.take_along_axis(maps[1], rows, axis=0)


def _fasciae(edges: Layers, geometry: Geometry, fields: Fields) -> Map:
    """Specular layer boundaries, the skin's two bright lines, and the probe's reverberation in the near field."""
    z = geometry.z[:, None]
    total = np.zeros((geometry.rows, geometry.beams), dtype=np.float32)
    for edge, width, strength, spread in (
        (edges.skin, 0.12, 1.3, 0.4),
        (edges.fat, 0.10, 0.5, 0.9),
        (edges.gland, 0.10, 0.6, 0.9),
        (edges.deep_fat, 0.13, 1.6, 0.7),
        (edges.deep_fat + 0.7, 0.10, 0.7, 1.0),
        (edges.muscle, 0.15, 1.5, 0.7),
        (edges.muscle + 1.6, 0.20, 0.10, 0.5),
    ):
        rough = edge + 0.08 * fields.curve(3) + 0.04 * fields.curve(0.8)
        slope = np.gradient(edge, geometry.spacing_mm[1])
        amplitude = strength * np.exp(-0.5 * (slope / 0.25) ** 2) * np.clip(0.6 + spread * fields.curve(2.5), 0.05, 2)
        total += amplitude * np.exp(-0.5 * ((z - rough) / width) ** 2)
    for k in range(4):  # the gel layer rings between probe and skin
        total += 1.6 * 0.4**k * np.exp(-0.5 * ((z - 0.2 - 0.55 * k) / 0.10) ** 2)
    return total


def _with_rib(tissue: Tissue, breast: Breast, edges: Layers, geometry: Geometry) -> Tissue:
    """A rib under the muscle: bright surface, nothing behind it. Beside it, the pleura is the bright lower edge of the muscle."""
    if breast.rib_mm is None:
        return tissue
    centre = float(np.mean(edges.muscle)) + 4.0
    x, z = geometry.x - np.float32(breast.rib_mm), geometry.z[:, None] - np.float32(centre)
    radius = np.sqrt((x / 9.0) ** 2 + (z / 4.0) ** 2)
    inside = _step(1 - radius, 0.06)
    surface = np.exp(-0.5 * ((radius - 1) * 4.0 / 0.2) ** 2) * (z < 0) * np.exp(-((x / 4.5) ** 2))
    return Tissue(
        (tissue.scattering_db * (1 - inside) - 22 * inside).astype(np.float32),
        (tissue.specular * (1 - inside) + 2.5 * surface).astype(np.float32),
        (tissue.attenuation + 5 * inside).astype(np.float32),
    )


def _with_contact(tissue: Tissue, breast: Breast, geometry: Geometry, fields: Fields) -> Tissue:
    """Uneven coupling and attenuating ligaments under the skin: faint vertical bands, as every real image has."""
    bands = np.clip(0.7 * fields.curve(3.0) + fields.curve(8.0), 0, None) * breast.contact_db
    layer = geometry.z < 2.5
    extra = bands / (10 * 2 * layer.sum() * geometry.spacing_mm[0] / 10)
    return Tissue(
        tissue.scattering_db,
        tissue.specular,
        (tissue.attenuation + layer[:, None] * extra[None, :]).astype(np.float32),
    )


def _step(values: Map, softness: float) -> Map:
    """Smooth step from 0 to 1 about zero."""
    result: Map = 0.5 + 0.5 * np.clip(values / (2 * softness), -1, 1)
    return result


def _blend(base: Map, *layers: tuple[Map, Map]) -> Map:
    """``base`` covered by each (weight, value) in turn."""
    for weight, value in layers:
        base = base + weight * (value - base)
    return base
