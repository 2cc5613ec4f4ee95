"""Lay one thumbnail on the other and say how well they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from usnet.datasets.duplicates.descriptor import STEP, Descriptor, FloatImage, flatten, resize

MIN_OVERLAP = 0.35
"""Share of the smaller picture that the other must cover."""
MIN_CONTENT = 0.25
"""Share of the fine structure of each picture that must lie in the overlap: black margins agree with everything."""
HOPELESS = 0.3
"""Correlation of a first, coarse look below which no closer look is taken."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """``correlation`` of fine structure over the overlap (1 = the same speckle), ``scale`` that the second thumbnail was
    resized by, ``overlap`` as a share of the smaller picture.
    """

    correlation: float
    scale: float
    overlap: float


def align(a: Descriptor, b: Descriptor, shift: int) -> Alignment:
    """Best alignment of ``b`` on ``a`` near the scale that a shift of the spectra by ``shift`` radii stands for."""
    flat = flatten(a.thumbnail)
    coarse = {offset: _align_at(flat, b, STEP ** (offset - shift)) for offset in (-0.5, 0.0, 0.5)}
    centre, best = max(coarse.items(), key=lambda item: item[1].correlation)
    if best.correlation < HOPELESS:
        return best
    fine = [_align_at(flat, b, STEP ** (centre + offset - shift)) for offset in (-0.25, -0.12, 0.12, 0.25)]
    return max([best, *fine], key=lambda trial: trial.correlation)


def _align_at(first: FloatImage, b: Descriptor, scale: float) -> Alignment:
    """Normalised cross-correlation over the overlap, for every shift (Padfield 2012, IEEE Trans. Image Processing 21:2706)."""
    second = flatten(resize(b.thumbnail, scale))
    shape = tuple(fft.next_fast_len(n + m - 1, real=True) for n, m in zip(first.shape, second.shape, strict=True))
    fixed = fft.rfft2(_planes(first), shape)
    moving = np.conj(fft.rfft2(_planes(second), shape))
    products = np.stack([fixed[0] * moving[0], fixed[1] * moving[2], fixed[2] * moving[1], fixed[2] * moving[2]])
    shared, energy_a, energy_b, overlap = fft.irfft2(products, shape)
    smaller = float(min(first.size, second.size))
    usable = (
        (overlap > MIN_OVERLAP * smaller)
        & (energy_a > MIN_CONTENT * np.square(first).sum())
        & (energy_b > MIN_CONTENT * np.square(second).sum())
    )
    correlation = np.where(usable, shared / np.sqrt(np.maximum(energy_a * energy_b, 1.0)), -1.0)
    peak = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
    return Alignment(float(correlation[peak]), scale, float(overlap[peak] / smaller))


def _planes(flat: FloatImage) -> FloatImage:
    return np.stack([flat, flat * flat, np.ones_like(flat)])
