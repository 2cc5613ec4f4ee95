"""A nodule as an object in the breast: where it lies, how large it is, and the outline of its section."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from usnet.phantoms.geometry import Map
from usnet.phantoms.kinds import SIZES_MM, Kind, between

ANGLES = 720
"""Samples of an outline."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """One nodule. Millimetres; ``x`` from the middle of the probe, ``z`` from the skin, to the middle of its extent.

    ``seed`` fixes the random part of its outline and inside; the other numbers are drawn from the ranges of its :class:`Kind`.
    """

    kind: Kind
    x: float
    z: float
    width: float
    height: float
    tilt: float
    echo_db: float
    loss: float
    margin: float
    lobes: float
    roughness: float
    spikes: float
    spicules: float
    halo_db: float
    capsule: float
    calcifications: int
    seed: int

    @property
    def diameter_mm(self) -> float:
        """Largest extent."""
        return max(self.width, self.height)

    def scaled(self, factor: float) -> Lesion:
        """The section of another plane: smaller by ``factor`` about the same middle."""
        return replace(self, width=self.width * factor, height=self.height * factor)

    def moved(self, dx: float, dz: float) -> Lesion:
        """Shifted by millimetres."""
        return replace(self, x=self.x + dx, z=self.z + dz)


def draw_size(rng: np.random.Generator, kind: Kind) -> tuple[float, float]:
    """Width and height in mm: a log-normal diameter within 4-40 mm and a log-normal height over width."""
    diameter = float(np.clip(kind.diameter_mm * np.exp(kind.diameter_spread * rng.normal()), *SIZES_MM))
    ratio = float(np.clip(kind.ratio * np.exp(kind.ratio_spread * rng.normal()), 0.3, 1.8))
    if kind.pathology == "malignant" and diameter > 20:
        ratio = min(ratio, 0.8 + 0.4 * rng.random())  # large cancers have filled the breast's height
    return (diameter, diameter * ratio) if ratio <= 1 else (diameter / ratio, diameter)


def draw_lesion(rng: np.random.Generator, kind: Kind, size: tuple[float, float], x: float, z: float) -> Lesion:
    """A nodule of ``kind`` with ``size`` (width, height) at ``x, z`` in mm."""
    return Lesion(
        kind=kind,
        x=x,
        z=z,
        width=size[0],
        height=size[1],
        tilt=float(rng.normal(0, 0.12)),
        echo_db=between(rng, kind.echo_db),
        loss=between(rng, kind.loss),
        margin=between(rng, kind.margin_mm),
        lobes=between(rng, kind.lobes),
        roughness=between(rng, kind.roughness),
        spikes=between(rng, kind.spikes),
        spicules=between(rng, kind.spicules),
        halo_db=between(rng, kind.halo_db),
        capsule=between(rng, kind.capsule),
        calcifications=int(rng.integers(3, 14)) if rng.random() < kind.calcified else 0,
        seed=int(rng.integers(2**31)),
    )


def outline(lesion: Lesion) -> npt.NDArray[np.float64]:
    """``[ANGLES, 2]`` closed outline (x, z) in mm, star-shaped about the middle, with exactly the lesion's extent.

    A tilted ellipse times waves: few low ones (lobes), many higher ones whose power falls with frequency (microlobulation), and
    spikes that are narrow at the tip (angular, spiculated).
    """
    rng = np.random.default_rng((lesion.seed, 1))
    angle = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    half_width, half_height = lesion.width / 2, lesion.height / 2
    turned = angle - lesion.tilt
    radius = 1 / np.hypot(np.cos(turned) / half_width, np.sin(turned) / half_height)
    radius *= np.exp(lesion.lobes * _waves(rng, angle, 2, 5, 0.5) + lesion.roughness * _waves(rng, angle, 4, 18, 1.3))
    radius *= 1 + lesion.spikes * _spikes(rng, angle)
    x, z = radius * np.cos(angle), radius * np.sin(angle)
    x = (x - (x.max() + x.min()) / 2) * lesion.width / np.ptp(x)
    z = (z - (z.max() + z.min()) / 2) * lesion.height / np.ptp(z)
    return np.stack([lesion.x + x, lesion.z + z], axis=1)


def _waves(
    rng: np.random.Generator, angle: npt.NDArray[np.float64], low: int, high: int, fall: float
) -> npt.NDArray[np.float64]:
    """Unit-variance sum of harmonics ``low..high`` with amplitudes ``k**-fall`` and random phases."""
    orders = np.arange(low, high + 1)
    amplitude = orders ** (-fall) * rng.normal(size=orders.size)
    waves = (
        amplitude[:, None] * np.cos(np.outer(orders, angle) + rng.uniform(0, 2 * np.pi, orders.size)[:, None])
    ).sum(0)
    result: npt.NDArray[np.float64] = waves / (waves.std() + 1e-9)
    return result


def _spikes(rng: np.random.Generator, angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Two to six corners, at most 1 high: broad ones make an angular, narrow ones a spiculated outline."""
    total = np.zeros_like(angle)
    for _ in range(int(rng.integers(2, 7))):
        distance = np.abs(np.angle(np.exp(1j * (angle - rng.uniform(0, 2 * np.pi)))))
        total = np.maximum(total, rng.uniform(0.2, 1.0) * np.exp(-distance / rng.uniform(0.08, 0.45)))
    return total


@dataclass(frozen=True, slots=True)
class Polar:
    """Where samples lie relative to a nodule: signed ``distance`` to its border in mm (negative inside), ``angle`` about its
    middle.
    """

    distance: Map
    angle: Map


def polar(points: npt.NDArray[np.float64], x: Map, z: Map) -> Polar:
    """Distance (first order: radial, corrected for the slope of the border) and angle of samples at ``x, z`` mm."""
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    dx, dz = points[:, 0] - middle[0], points[:, 1] - middle[1]
    angle = np.arctan2(dz, dx)
    order = np.argsort(angle, kind="stable")
    radius = np.hypot(dx, dz)[order]
    knots = np.linspace(-np.pi, np.pi, 2 * ANGLES + 1)
    table = np.interp(knots, angle[order], radius, period=2 * np.pi)
    slope = np.gradient(table, knots)
    steep = table / np.hypot(table, slope)
    smooth = np.convolve(np.concatenate([steep[-9:], steep, steep[:9]]), np.ones(19) / 19, "valid")
    ex, ez = x - np.float32(middle[0]), z - np.float32(middle[1])
    theta = np.arctan2(ez, ex)
    index = np.rint((theta + np.pi) * (ANGLES / np.pi)).astype(np.intp)
    border = np.take(table.astype(np.float32), index)
    distance = (np.hypot(ex, ez) - border) * np.take(smooth.astype(np.float32), index)
    return Polar(distance.astype(np.float32), theta.astype(np.float32))
