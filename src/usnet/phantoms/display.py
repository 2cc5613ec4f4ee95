"""From envelope to screen: time-gain compensation, log compression, grey map, scan conversion.

Echoes are shown as ``20 log10`` of the envelope inside a dynamic range; time-gain compensation adds the loss that a scanner
expects of average tissue, up to the most its amplifier can give (Szabo, Diagnostic Ultrasound Imaging: Inside Out, 2nd ed. 2014,
chapter 10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from usnet.phantoms.geometry import Geometry, Map
from usnet.phantoms.physics import loss_db
from usnet.phantoms.scanners import Scanner
from usnet.values import UInt8Image

WHITE_DB = 25.0
"""Echo level above gland that is white at gain 0."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """What the examiner sets: gain in dB, the attenuation TGC expects in dB / cm / MHz, and sliders ``(depth share, dB)``."""

    gain_db: float = 0.0
    expected_loss: float = 0.55
    sliders: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)


def draw_knobs(rng: np.random.Generator) -> Knobs:
    """Settings of a real examiner: near right, never right."""
    return Knobs(
        gain_db=float(rng.normal(0, 3.0)),
        expected_loss=float(rng.uniform(0.30, 0.48)),
        sliders=tuple(float(v) for v in rng.normal(0, 1.5, 5)),
    )


def time_gain_db(geometry: Geometry, scanner: Scanner, knobs: Knobs) -> Map:
    """``[rows]`` gain in dB."""
    exponent = (2 * geometry.z / 10 * knobs.expected_loss).astype(np.float32)
    sliders = np.interp(geometry.z / geometry.depth_mm, np.linspace(0, 1, len(knobs.sliders)), knobs.sliders)
    gain: Map = (np.minimum(loss_db(exponent, scanner), scanner.tgc_db) + sliders).astype(np.float32)
    return gain


def display(amplitude: Map, geometry: Geometry, scanner: Scanner, knobs: Knobs) -> UInt8Image:
    """Screen picture ``uint8 [rows, columns]`` of an envelope ``[samples, beams]``."""
    level = 20 * np.log10(amplitude + np.float32(1e-9))
    if geometry.oversampling > 1:
        level = level.reshape(geometry.rows, geometry.oversampling, -1).mean(axis=1)
    level += (time_gain_db(geometry, scanner, knobs) + np.float32(scanner.gain_db + knobs.gain_db))[:, None]
    grey = np.clip(1 + (geometry.to_screen(level) - WHITE_DB) / scanner.dynamic_range_db, 0, 1)
    if scanner.smoothing:
        grey = ndimage.gaussian_filter(grey, scanner.smoothing, truncate=3.0)
    grey = np.where(geometry.in_view(), grey**scanner.gamma, 0)
    pixels: UInt8Image = np.rint(255 * grey).astype(np.uint8)
    return pixels
