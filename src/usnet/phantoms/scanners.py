"""How the simulated scanners look: optics, receive chain and display, as plain numbers.

The names and values are made up; they span what public breast data show (7-14 MHz linear probes, coarse single-look speckle to
smooth compounded images, 50-75 dB on screen, portrait to landscape frames). None of them imitates a product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usnet.errors import ConfigError

SPEED_OF_SOUND = 1540.0
"""Metres a second: what every scanner assumes for soft tissue."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """A linear-array scanner and its settings.

    ``frequency_mhz`` and ``bandwidth`` (fractional, -6 dB, of the received pulse) set the axial, ``f_number`` (two-way) the
    lateral resolution; ``focus`` is the focal depth as a share of the field. ``looks`` is the number of independent looks that
    spatial and frequency compounding average, ``steering_deg`` how far the outer ones are steered. ``noise_db`` is the electronic
    noise under the echo of gland at the skin, ``tgc_db`` the most that time-gain compensation can lift. ``dynamic_range_db``,
    ``gain_db``, ``gamma`` and ``smoothing`` (pixels) are the display. ``depth_mm`` is the range of usual depths, ``frame`` the
    (rows, columns) of the exported image, ``pixel_aspect`` column spacing over row spacing, ``widening`` the relative growth of
    the field from skin to bottom (a trapezoid view; 0 is a rectangle). ``text`` and ``calipers`` are the shares of images with
    burned-in annotation.
    """

    name: str
    frequency_mhz: float
    bandwidth: float
    f_number: float
    focus: float
    looks: int
    steering_deg: float
    noise_db: float
    tgc_db: float
    dynamic_range_db: float
    gain_db: float
    gamma: float
    smoothing: float
    depth_mm: tuple[float, float]
    frame: tuple[int, int]
    pixel_aspect: float = 1.0
    widening: float = 0.0
    text: float = 0.2
    calipers: float = 0.15

    @property
    def wavelength_mm(self) -> float:
        """Wavelength at the centre frequency."""
        return SPEED_OF_SOUND / 1e3 / self.frequency_mhz

    @property
    def pulse_mm(self) -> float:
        """Axial full width at half maximum of a point's echo: c / (2 B) for a Gaussian pulse, times 0.88."""
        return 0.88 * SPEED_OF_SOUND / 1e3 / (2 * self.bandwidth * self.frequency_mhz)


SCANNERS: tuple[Scanner, ...] = (
    Scanner("L12-smooth", 11.0, 0.46, 2.8, 0.35, 3, 8.0, -70, 54, 66, -1, 0.95, 0.5, (32, 46), (300, 400), text=0.15),
    Scanner("L10-general", 9.5, 0.42, 3.0, 0.40, 2, 6.0, -66, 50, 62, 0, 0.95, 0.5, (34, 50), (360, 288)),
    Scanner("L7-coarse", 7.5, 0.38, 3.4, 0.45, 1, 0.0, -62, 42, 58, 2, 0.90, 0.6, (38, 56), (384, 284), text=0.5),
    Scanner("L14-fine", 13.0, 0.50, 2.8, 0.30, 3, 9.0, -72, 56, 72, -2, 1.05, 0.5, (26, 38), (280, 400)),
    Scanner("L9-contrast", 9.0, 0.42, 3.0, 0.40, 2, 5.0, -66, 46, 54, -2, 1.05, 0.5, (34, 52), (320, 320)),
    Scanner("L9-wide", 9.0, 0.42, 3.0, 0.40, 2, 6.0, -67, 48, 64, -1, 0.95, 0.5, (34, 50), (320, 384), widening=0.35),
    Scanner("L8-portable", 8.0, 0.40, 3.2, 0.45, 1, 0.0, -58, 40, 60, 0, 0.95, 0.75, (36, 52), (336, 300), 1.15),
)
"""The scanners that :func:`usnet.phantoms.simulate` draws from."""


def find_scanner(name: str) -> Scanner:
    """The scanner called ``name``.

    Raises
    ------
    ConfigError
        There is none of that name.
    """
    for scanner in SCANNERS:
        if scanner.name == name:
            return scanner
    raise ConfigError(f"no scanner {name!r}", expected=", ".join(s.name for s in SCANNERS))


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """One of the scanners, each as likely."""
    return SCANNERS[int(rng.integers(len(SCANNERS)))]
