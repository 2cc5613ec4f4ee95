"""What is kept of an image to find its copies: a spectrum that does not move with the picture, and a thumbnail.

The spectrum is the Fourier-Mellin one (Reddy and Chatterji 1996, IEEE Trans. Image Processing 5:1266): the magnitude of the
Fourier transform forgets where the picture lies, and on log-polar axes another scale is a shift along the radius. Speckle
gives every frame its own fine structure there, which gain, compression, cropping and caliper marks change little.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft, ndimage

from usnet.values import UInt8Image

FloatImage = npt.NDArray[np.float32]

THUMBNAIL = 128
"""Longer side of the thumbnail in pixels: still shows the coarser speckle."""
RADII, ANGLES = 40, 36
INNER, OUTER = 6.0, 100.0
"""Frequencies in cycles over twice the thumbnail's longer side."""
STEP = (OUTER / INNER) ** (1 / (RADII - 1))
"""Change of scale from one radius to the next: 1.075."""
BLANK = 2.0
"""Standard deviation of grey levels below which a picture is blank."""
MAX_SHIFT = 6
"""Radii that two spectra may be shifted against each other: scales up to 1.54."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """``digest`` of the grey pixels, ``thumbnail uint8 [h, w]``, ``spectrum float32 [RADII, ANGLES]``; about 20 kB."""

    digest: str
    thumbnail: UInt8Image
    spectrum: FloatImage

    @property
    def blank(self) -> bool:
        """Whether there is nothing to see: one grey everywhere."""
        return float(self.thumbnail.std()) < BLANK


def describe(pixels: UInt8Image) -> Descriptor:
    """Descriptor of a frame ``uint8 [H, W]``."""
    digest = hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
    thumbnail = resize(pixels, THUMBNAIL / max(pixels.shape))
    return Descriptor(digest, thumbnail, _spectrum(thumbnail))


def resize(pixels: UInt8Image, scale: float) -> UInt8Image:
    """``pixels`` at ``scale``, at least 8 pixels each way."""
    height, width = (max(8, round(side * scale)) for side in pixels.shape)
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def flatten(pixels: UInt8Image, sigma: float = 5.0) -> FloatImage:
    """Fine structure alone: local mean removed, divided by the local spread, clipped.

    Brightness, TGC and gamma disappear; bright marks weigh no more than tissue; black margins become 0.
    """
    values = pixels.astype(np.float32)
    detail = values - ndimage.gaussian_filter(values, sigma)
    spread = np.sqrt(ndimage.gaussian_filter(detail * detail, sigma))
    flat: FloatImage = np.clip(detail / (spread + 8.0), -2.5, 2.5)
    return flat


def _taper(length: int, share: float = 0.15) -> FloatImage:
    edge = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5) / (share * length)
    return np.where(edge < 1, 0.5 - 0.5 * np.cos(np.pi * edge), 1.0).astype(np.float32)


def _spectrum(thumbnail: UInt8Image) -> FloatImage:
    size = 2 * THUMBNAIL
    flat = flatten(thumbnail) * _taper(thumbnail.shape[0])[:, None] * _taper(thumbnail.shape[1])
    magnitude = fft.fftshift(np.log1p(np.abs(fft.fft2(flat, (size, size)))))
    radius = np.geomspace(INNER, OUTER, RADII)[:, None]
    angle = np.linspace(-np.pi / 2, np.pi / 2, ANGLES, endpoint=False)[None]
    points = [size / 2 + radius * np.sin(angle), size / 2 + radius * np.cos(angle)]
    polar = ndimage.map_coordinates(magnitude, points, order=1)
    smooth = ndimage.gaussian_filter(polar, 3.0, mode=("nearest", "wrap"))
    detail: FloatImage = (polar - smooth).astype(np.float32)
    return detail
