"""What a frame looks like, in 37 numbers: grey levels, spectrum, direction, depth, grain. Enough to tell an ultrasound frame from
a photograph, a film, a page or noise, whatever the scanner; they know nothing of nodules.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image

from usnet.images.filters import ndimage
from usnet.values import UInt8Image

FloatArray = npt.NDArray[np.float64]

SIZE = 128
"""Side of the square (px) that a frame is scaled to for all but its grain."""
BANDS = (0.012, 0.03, 0.06, 0.1, 0.16, 0.24, 0.34, 0.5)
"""Edges of the radial bands of the spectrum, in cycles a pixel."""
DIRECTIONS = ((0.012, 0.06), (0.06, 0.16), (0.16, 0.5))
DARK, BRIGHT = 0.02, 0.9
PATCH = 256
"""Largest side (px) of the middle part, at the frame's own resolution, in which grain is measured."""
COUNT = 37


def appearance(pixels: UInt8Image) -> FloatArray:
    """``float64 [37]`` for ``uint8 [H, W]``; finite for every image, a blank one included."""
    filter_ = Image.Resampling.BOX if min(pixels.shape) > SIZE else Image.Resampling.BILINEAR
    image = np.asarray(Image.fromarray(pixels).resize((SIZE, SIZE), filter_), dtype=np.float64) / 255
    return np.array([*_grey(image), *_spectrum(image), *_profiles(image), *_grain(pixels)])


def _grey(image: FloatArray) -> list[float]:
    shares = [float((image < DARK).mean()), float((image > BRIGHT).mean())]
    return [float(image.mean()), float(image.std()), *np.percentile(image, (10, 50, 90, 99)).tolist(), *shares]


@cache
def _frequencies() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Radius and angle (0 to pi / 2, where pi / 2 is horizontal layers) of each coefficient, and the window."""
    down, across = np.abs(np.fft.fftfreq(SIZE))[:, None], np.fft.rfftfreq(SIZE)[None, :]
    return np.hypot(down, across), np.arctan2(down, across + 1e-12), np.outer(np.hanning(SIZE), np.hanning(SIZE))


def _spectrum(image: FloatArray) -> list[float]:
    """Log share of the power in each band; log ratios of vertical to horizontal, and of both to oblique power."""
    radius, angle, window = _frequencies()
    power = np.abs(np.fft.rfft2((image - image.mean()) * window)) ** 2 + 1e-9
    total = power[radius >= BANDS[0]].sum()
    shares = [power[(radius >= a) & (radius < b)].sum() / total for a, b in pairwise(BANDS)]
    found = [float(np.log(share + 1e-7)) for share in shares]
    steep, flat = angle > 3 * np.pi / 8, angle < np.pi / 8
    for low, high in DIRECTIONS:
        band = (radius >= low) & (radius < high)
        layers, columns, oblique = (power[band & part].sum() for part in (steep, flat, ~steep & ~flat))
        found += [float(np.log(layers / columns)), float(np.log((layers + columns) / oblique))]
    return found


def _profiles(image: FloatArray) -> list[float]:
    """Mean grey level of eight strips of depth, less their mean; both sides against the middle."""
    depth = image.reshape(8, SIZE // 8, SIZE).mean(axis=(1, 2))
    sides = image.reshape(SIZE, 4, SIZE // 4).mean(axis=(0, 2))
    middle = sides[1:3].mean()
    return [*(depth - depth.mean()).tolist(), float(sides[0] - middle), float(sides[3] - middle)]


def _grain(pixels: UInt8Image) -> list[float]:
    """Fine and coarse contrast, the grain's shape across and down, and whether it grows with brightness, as speckle's does."""
    height, width = pixels.shape
    if min(height, width) < 32:
        return [0.0] * 6
    top, left = height // 4, width // 4
    patch = pixels[top : top + min(PATCH, height // 2), left : left + min(PATCH, width // 2)] / 255.0
    fine, coarse = ndimage.uniform_filter(patch, 3), ndimage.uniform_filter(patch, 13)
    across, down = (np.abs(np.diff(patch, axis=axis)).mean() + 1e-4 for axis in (1, 0))
    across2 = np.abs(patch[:, 2:] - patch[:, :-2]).mean() + 1e-4
    down2 = np.abs(patch[2:] - patch[:-2]).mean() + 1e-4
    local = ndimage.uniform_filter(patch, 9)
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(patch * patch, 9) - local * local, 0))
    grows = np.corrcoef(spread.ravel(), local.ravel())[0, 1] if spread.std() > 1e-6 and local.std() > 1e-6 else 0.0
    contrasts = [(patch - fine).std(), (fine - coarse).std()]
    ratios = [down / across, across2 / across, down2 / down]
    return [*(float(np.log(c + 1e-4)) for c in contrasts), *(float(np.log(r)) for r in ratios), float(grows)]
