"""A nodule set into breast tissue: its inside, border, halo and spicules. Shadow and enhancement follow from its attenuation."""

from __future__ import annotations

import numpy as np

from usnet.phantoms.fields import Fields
from usnet.phantoms.geometry import Geometry, Map
from usnet.phantoms.lesions import Lesion, Polar, outline, polar
from usnet.phantoms.physics import Tissue


def with_lesion(tissue: Tissue, lesion: Lesion, geometry: Geometry, fields: Fields) -> Tissue:
    """Breast tissue with one nodule in it."""
    here = polar(outline(lesion), geometry.x, np.broadcast_to(geometry.z[:, None], geometry.x.shape))
    frayed = here.distance + 0.6 * lesion.margin * fields.smooth(0.5, 0.8)
    inside = _inside(frayed, lesion.margin)
    db = _with_halo(tissue.scattering_db, lesion, here, fields)
    db = db + inside * (_inside_db(lesion, here, geometry, fields) - db)
    keep = (1 - inside) * (1 - min(0.2 * lesion.halo_db, 0.8) * _ring(here, 1.0 + 0.1 * lesion.diameter_mm))
    specular = tissue.specular * keep + _capsule(lesion, here, fields) + _calcifications(lesion, geometry)
    loss = tissue.attenuation + inside * (lesion.loss - tissue.attenuation) + _edge_loss(lesion, here)
    return Tissue(db.astype(np.float32), specular.astype(np.float32), loss.astype(np.float32))


def _inside(distance: Map, margin: float) -> Map:
    result: Map = 1 / (1 + np.exp(np.clip(distance * np.float32(4 / margin), -30, 30)))
    return result


def _ring(here: Polar, width: float) -> Map:
    """1 inside and at the border, falling outwards over ``width`` mm."""
    result: Map = np.exp(-np.maximum(here.distance, 0) / np.float32(width))
    return result


def _with_halo(db: Map, lesion: Lesion, here: Polar, fields: Fields) -> Map:
    """Echogenic halo (thick, uneven rim of reacting tissue, as bright as gland or brighter) and spicules: radial strands in it."""
    if lesion.halo_db <= 0 and lesion.spicules <= 0:
        return db
    rng = np.random.default_rng((lesion.seed, 2))
    rim = _ring(here, 0.5 + 0.08 * lesion.diameter_mm) * np.clip(0.6 + 0.4 * fields.smooth(1.5, 2.5), 0, 1)
    db = db + min(0.25 * lesion.halo_db, 1) * rim * np.maximum(lesion.halo_db - db, 0)
    rays = rng.normal(size=97)
    rays[-1] = rays[0]
    bent = np.mod(here.angle + np.pi + 0.08 * fields.smooth(1.5, 1.5), 2 * np.pi)
    pattern = np.interp(bent, np.linspace(0, 2 * np.pi, 97), rays).astype(np.float32)
    result: Map = db + 5 * lesion.spicules * pattern * _ring(here, 0.4 + 0.09 * lesion.diameter_mm)
    return result


def _inside_db(lesion: Lesion, here: Polar, geometry: Geometry, fields: Fields) -> Map:
    """Echo level of the inside: even in fibroadenomas, mixed in cancers, nothing but reverberation near the wall in cysts."""
    if lesion.kind.name == "cyst":
        wall = lesion.z - lesion.height / 2
        haze = 14 * np.exp(-np.maximum(geometry.z[:, None] - wall, 0) / 1.5)
        fluid: Map = np.broadcast_to(lesion.echo_db + haze, here.distance.shape).astype(np.float32)
        return fluid
    mixed = 3.5 if lesion.kind.pathology == "malignant" else 2.0
    grain = fields.smooth(0.8, 1.8)
    centre = (
        np.minimum(-here.distance / (0.25 * lesion.diameter_mm), 1.0) if lesion.kind.pathology == "malignant" else 0.0
    )
    result: Map = (lesion.echo_db + mixed * grain - 1.5 * centre).astype(np.float32)
    return result


def _capsule(lesion: Lesion, here: Polar, fields: Fields) -> Map:
    """Thin specular border, seen above and below where the beam meets it square, lost at the sides."""
    if lesion.capsule <= 0:
        return np.zeros_like(here.distance)
    square = np.exp(-0.5 * ((np.abs(np.sin(here.angle)) - 1) / 0.15) ** 2)
    broken = np.clip(0.7 + 0.5 * fields.curve(3), 0.1, 1.6)[None, :]
    result: Map = lesion.capsule * square * broken * np.exp(-0.5 * (here.distance / 0.16) ** 2)
    return result


def _calcifications(lesion: Lesion, geometry: Geometry) -> Map:
    """Bright specks inside: single strong reflectors, smaller than the resolution cell."""
    specular = np.zeros((geometry.rows, geometry.beams), dtype=np.float32)
    rng = np.random.default_rng((lesion.seed, 3))
    x, z = geometry.lateral, geometry.z
    for _ in range(lesion.calcifications):
        angle, radius = rng.uniform(0, 2 * np.pi), 0.75 * np.sqrt(rng.random())
        row = int(np.searchsorted(z, lesion.z + radius * np.sin(angle) * lesion.height / 2))
        column = int(np.searchsorted(x, lesion.x + radius * np.cos(angle) * lesion.width / 2))
        if 0 < row < z.size and 0 < column < x.size:
            specular[row, column] += rng.uniform(0.5, 2.5)
    return specular


def _edge_loss(lesion: Lesion, here: Polar) -> Map:
    """Edge shadow: a smooth curved wall bends the beam away at its sides (refraction), which acts as a thin attenuating rim."""
    if lesion.capsule <= 0.3:
        return np.zeros_like(here.distance)
    side = np.exp(-0.5 * ((np.abs(np.cos(here.angle)) - 1) / 0.06) ** 2)
    result: Map = 1.2 * side * np.exp(-0.5 * ((here.distance - 0.2) / 0.4) ** 2)
    return result
