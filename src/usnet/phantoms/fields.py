"""Random fields that tissue is made of: smooth Gaussian fields, and the thin curved strands where a field crosses zero.

A field is white noise shaped in the Fourier domain, so its grain size and direction are in millimetres whatever the pixel. Two
independent sets of noise are mixed by an angle ``phase``: ``cos(phase) A + sin(phase) B`` is again such a field, so a small
change of phase is a neighbouring plane through the same tissue.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from usnet.phantoms.geometry import Geometry, Map


class Fields:
    """Source of random fields on a beam grid. Each call draws the next field of the same seed.

    Parameters
    ----------
    geometry
        The grid. Fan-out of a trapezoid view is neglected: grain grows with the field.
    seed
        Seeds of both sets of noise.
    phase
        Plane through the tissue in radians.
    """

    def __init__(self, geometry: Geometry, seed: tuple[int, ...], phase: float = 0.0) -> None:
        self.shape = (geometry.rows, geometry.beams)
        self._spacing = geometry.spacing_mm
        self._here = np.random.default_rng((*seed, 0))
        self._there = np.random.default_rng((*seed, 1)) if phase else None
        self._phase = phase

    def smooth(self, axial_mm: float, lateral_mm: float, tilt: float = 0.0) -> Map:
        """Unit-variance Gaussian field with a Gaussian spectrum of the given grain; ``tilt`` radians, positive falls to the
        right.
        """
        return self._shaped(axial_mm, lateral_mm, tilt, ring=False)

    def cells(self, axial_mm: float, lateral_mm: float, tilt: float = 0.0) -> Map:
        """Unit-variance field with one dominant period: its zero lines enclose cells of about the given size (lobules)."""
        return self._shaped(axial_mm, lateral_mm, tilt, ring=True)

    def curve(self, length_mm: float) -> Map:
        """``[beams]`` unit-variance smooth curve."""
        frequency = fft.rfftfreq(self.shape[1], self._spacing[1])
        spectrum = self._noise((frequency.size,)) * np.exp(-((frequency * length_mm * 2) ** 2)).astype(np.float32)
        spectrum[0] = 0
        return _unit(fft.irfft(spectrum, self.shape[1]))

    def _noise(self, shape: tuple[int, ...]) -> npt.NDArray[np.complex64]:
        def draw(rng: np.random.Generator) -> npt.NDArray[np.complex64]:
            return rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]

        noise = draw(self._here)
        if self._there is None:
            return noise
        mixed = np.cos(self._phase) * noise + np.sin(self._phase) * draw(self._there)
        result: npt.NDArray[np.complex64] = mixed.astype(np.complex64)
        return result

    def _shaped(self, axial_mm: float, lateral_mm: float, tilt: float, ring: bool) -> Map:
        rows, beams = self.shape
        reach = 3.0 if ring else 1.6  # in units of the dominant frequency; beyond it the spectrum is empty
        fz = fft.fftfreq(rows, self._spacing[0]).astype(np.float32)
        fx = fft.rfftfreq(beams, self._spacing[1]).astype(np.float32)
        steep = abs(np.sin(tilt)) * 0.5 / axial_mm + abs(np.cos(tilt)) * 0.5 / lateral_mm
        fx = fx[: int(np.searchsorted(fx, reach * steep)) + 2]
        across = np.cos(tilt) * fz[:, None] - np.sin(tilt) * fx[None, :]
        along = np.sin(tilt) * fz[:, None] + np.cos(tilt) * fx[None, :]
        radius2 = (2 * axial_mm * across) ** 2 + (2 * lateral_mm * along) ** 2
        shape = np.exp(-8 * (np.sqrt(radius2) - 1) ** 2) if ring else np.exp(-2 * radius2)
        spectrum = np.zeros((rows, beams // 2 + 1), dtype=np.complex64)
        spectrum[:, : fx.size] = self._noise(shape.shape) * shape
        spectrum[0, 0] = 0
        return _unit(fft.irfft2(spectrum, self.shape, overwrite_x=True))


def strands(field: Map, spacing_mm: tuple[float, float], width_mm: float, tolerance: float) -> Map:
    """Thin bright strands along the zero lines of a field, as a specular reflector returns them.

    A smooth interface is seen where the beam meets it at right angles: the echo falls as ``exp(-(slope / tolerance)**2 / 2)``, the
    response of a Gaussian aperture to a tilted plane. ``width_mm`` is the thickness (standard deviation). Values are in [0, 1].
    """
    gz = np.empty_like(field)
    gx = np.empty_like(field)
    gz[1:-1] = (field[2:] - field[:-2]) / (2 * spacing_mm[0])
    gz[0], gz[-1] = gz[1], gz[-2]
    gx[:, 1:-1] = (field[:, 2:] - field[:, :-2]) / (2 * spacing_mm[1])
    gx[:, 0], gx[:, -1] = gx[:, 1], gx[:, -2]
    gz *= gz
    gx *= gx
    distance2 = field**2 / ((gz + gx) * width_mm**2 + 1e-6)
    slope2 = gx / (gz + 1e-6) / tolerance**2
    result: Map = np.exp(-0.5 * (distance2 + slope2))
    return result


def _unit(values: npt.NDArray[np.floating]) -> Map:
    values = values - values.mean()
    result: Map = (values / (values.std() + 1e-12)).astype(np.float32)
    return result
