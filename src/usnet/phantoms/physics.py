"""From tissue to echo envelope: attenuation, scattering, point spread function, noise.

The model is linear and separable. The received signal is the scatterer field convolved with the pulse-echo point spread function
(the convolution model of Bamber and Dickinson, Phys Med Biol 1980; 25:463; Jensen's Field II computes the same response from the
aperture, Med Biol Eng Comput 1996; 34 Suppl 1:351). It is computed at baseband (IQ), so samples need follow the bandwidth only.
Diffuse scatterers, many a resolution cell and at random depths on the scale of the wavelength, are circular complex Gaussian;
their envelope is Rayleigh with mean/SD = 1.91 (Burckhardt, IEEE Trans Son Ultrason 1978; 25:1; Wagner et al., ibid. 1983;
30:156). Specular reflectors add in phase and make it Rician.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from usnet.phantoms.geometry import Geometry, Map
from usnet.phantoms.scanners import Scanner

Complex = npt.NDArray[np.complex64]

DB_TO_NEPER = float(np.log(10) / 20)


@dataclass(frozen=True, slots=True)
class Tissue:
    """What lies under the probe, on the beam grid ``[rows, beams]``.

    ``scattering_db`` is the diffuse echo level (0 = gland), ``specular`` the amplitude of in-phase reflectors (1 = gland),
    ``attenuation`` in dB / cm / MHz. Breast tissues attenuate about linearly with frequency (order of magnitude in Duck, Physical
    Properties of Tissue, 1990: fat 0.5, gland 0.8, muscle 1 dB / cm / MHz; cyst fluid next to nothing).
    """

    scattering_db: Map
    specular: Map
    attenuation: Map


def loss_db(exponent_db: Map, scanner: Scanner) -> Map:
    """Echo loss in dB of a broad-band pulse after a round trip of ``exponent_db`` dB / MHz.

    Under attenuation linear in frequency a Gaussian pulse keeps its bandwidth and its centre slides down by the exponent times the
    variance of its spectrum (Kuc, IEEE Trans Acoust Speech Signal Process 1984; 32:1), so deep echoes lose less than the centre
    frequency would. The slide stops at 0.45 of the centre frequency, where the transducer passes nothing more.
    """
    neper = exponent_db * DB_TO_NEPER
    variance = _spectral_variance(scanner)
    limit = 0.55 * scanner.frequency_mhz / variance
    slid = np.minimum(neper, limit)
    loss = scanner.frequency_mhz * slid - variance * slid**2 / 2
    loss += (neper - slid) * 0.45 * scanner.frequency_mhz
    result: Map = (loss / DB_TO_NEPER).astype(np.float32)
    return result


def centre_frequency(exponent_db: Map, scanner: Scanner) -> Map:
    """Centre frequency in MHz left after a round trip of ``exponent_db`` dB / MHz; see :func:`loss_db`."""
    slide = exponent_db * DB_TO_NEPER * _spectral_variance(scanner)
    result: Map = np.maximum(scanner.frequency_mhz - slide, 0.45 * scanner.frequency_mhz).astype(np.float32)
    return result


def _spectral_variance(scanner: Scanner) -> float:
    """Variance in MHz^2 of the Gaussian amplitude spectrum, from its two-way -6 dB bandwidth."""
    return (scanner.bandwidth * scanner.frequency_mhz / 2.355) ** 2


def round_trip(attenuation: Map, geometry: Geometry, scanner: Scanner) -> Map:
    """Accumulated attenuation, there and back, in dB / MHz at every sample: shadows and enhancement come from here.

    The beams of a compounding scanner arrive from several directions and the aperture of each is wide, so a shadow has soft,
    spreading sides: amplitudes are averaged over the steering angles, and each path is as wide as the beam.
    """
    step_cm = 2 * geometry.spacing_mm[0] / 10
    blur = 0.6 / geometry.spacing_mm[1]
    soft = ndimage.gaussian_filter1d(attenuation, blur, axis=1, mode="nearest", truncate=2.5)
    angles = (0.0,) if scanner.looks == 1 else (-scanner.steering_deg, 0.0, scanner.steering_deg)
    middle = geometry.depth_mm / 2
    total = np.zeros_like(attenuation)
    for angle in angles:
        shift = np.float32(np.tan(np.deg2rad(angle)) / geometry.spacing_mm[1]) * (geometry.z - np.float32(middle))
        path: Map = np.cumsum(_sheared(soft, shift), axis=0, dtype=np.float32)
        total += _sheared(path, -shift)
    result: Map = total * np.float32(step_cm / len(angles))
    return result


def _sheared(image: Map, shift: npt.NDArray[np.floating[Any]]) -> Map:
    """Rows moved by whole beams; edges repeat."""
    index = np.arange(image.shape[1])[None, :] + np.rint(shift).astype(np.intp)[:, None]
    np.clip(index, 0, image.shape[1] - 1, out=index)
    return np.take_along_axis(image, index, axis=1)


def draw_scatterers(rng: np.random.Generator, geometry: Geometry, looks: int) -> Complex:
    """``complex64 [looks, samples, beams]`` circular Gaussian scatterers of unit power."""
    shape = (looks, geometry.rows * geometry.oversampling, geometry.beams, 2)
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise *= np.float32(np.sqrt(0.5))
    return noise.view(np.complex64)[..., 0]


def decorrelated(scatterers: Complex, rng: np.random.Generator, geometry: Geometry, correlation: float) -> Complex:
    """Scatterers of a neighbouring plane whose echoes correlate with these by ``correlation``."""
    fresh = draw_scatterers(rng, geometry, scatterers.shape[0])
    mixed = np.float32(correlation) * scatterers + np.float32(np.sqrt(1 - correlation**2)) * fresh
    return mixed.astype(np.complex64)


def envelope(tissue: Tissue, scatterers: Complex, geometry: Geometry, scanner: Scanner) -> Map:
    """Detected echo amplitude before gain, ``float32 [samples, beams]``; 1 = gland at the skin. Looks are averaged.

    Electronic noise is circular Gaussian and passes the same receive filters, so its power adds to that of the scatterers.
    """
    exponent = round_trip(tissue.attenuation, geometry, scanner)
    arriving = np.exp(-DB_TO_NEPER * loss_db(exponent, scanner))
    noise = np.float32(10 ** (scanner.noise_db / 20))
    diffuse = np.hypot(np.exp(DB_TO_NEPER * tissue.scattering_db) * arriving, noise)
    diffuse = _fine(diffuse, geometry.oversampling)
    specular = _fine(tissue.specular * arriving, geometry.oversampling)
    depth_profile = np.median(exponent, axis=1)
    response = lateral_response(depth_profile, geometry, scanner)
    total = np.zeros(diffuse.shape, dtype=np.float32)
    for k in range(scatterers.shape[0]):
        echo = diffuse * scatterers[k]
        echo += specular
        spectrum = fft.fft(echo, axis=1, overwrite_x=True)
        spectrum *= response
        echo = fft.ifft(spectrum, axis=1, overwrite_x=True)
        total += np.abs(axial(echo, geometry, scanner))
    total /= np.float32(scatterers.shape[0])
    return total


def lateral_response(exponent_db: Map, geometry: Geometry, scanner: Scanner) -> Map:
    """``[samples, beams]`` transfer function across the beams at each depth, of unit energy.

    A Gaussian beam: full width at half maximum ``lambda F#`` in the focus, growing as a hyperbola with the Rayleigh range ``4
    lambda F#**2`` on both sides (receive focusing is dynamic, so the growth is mild), and with the wavelength as the pulse loses
    its high frequencies.
    """
    stretch = scanner.frequency_mhz / centre_frequency(exponent_db, scanner)
    at_focus = scanner.wavelength_mm * scanner.f_number
    focus = scanner.focus * geometry.depth_mm
    reach = 4 * at_focus * scanner.f_number
    width = at_focus * stretch * np.sqrt(1 + ((geometry.z - focus) / (2.5 * reach)) ** 2)
    sigma = np.repeat(width / 2.355 / (geometry.spacing_mm[1] * geometry.fan), geometry.oversampling)
    frequency = fft.fftfreq(geometry.beams).astype(np.float32)
    response = np.exp(-2 * np.pi**2 * np.outer(sigma**2, frequency**2))
    response /= np.sqrt(np.mean(response**2, axis=1, keepdims=True))
    result: Map = response.astype(np.float32)
    return result


def axial(echo: Complex, geometry: Geometry, scanner: Scanner) -> Complex:
    """Convolution with the Gaussian pulse along depth, of unit energy."""
    sigma = scanner.pulse_mm / 2.355 / (geometry.spacing_mm[0] / geometry.oversampling)
    half = int(np.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    taps /= np.sqrt(np.sum(taps**2))
    parts = echo.view(np.float32).reshape(*echo.shape, 2)
    filtered = ndimage.correlate1d(parts, taps, axis=0, mode="reflect")
    result: Complex = filtered.view(np.complex64)[..., 0]
    return result


def _fine(values: Map, factor: int) -> Map:
    """Rows interpolated to ``factor`` samples each."""
    if factor == 1:
        return values.astype(np.float32)
    rows = values.shape[0]
    position = np.clip((np.arange(rows * factor) + 0.5) / factor - 0.5, 0, rows - 1)
    upper = np.minimum(position.astype(np.intp), rows - 2)
    weight = (position - upper).astype(np.float32)[:, None]
    result: Map = (values[upper] * (1 - weight) + values[upper + 1] * weight).astype(np.float32)
    return result
