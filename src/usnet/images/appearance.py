"""What a frame looks like, in 37 numbers: grey levels, spectrum, direction, depth, grain. Enough to tell an ultrasound frame from
a photograph, a film, a page or noise, whatever the scanner; they know nothing of nodules.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from usnet.images.sums import box_sums
from usnet.values import UInt8Image

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

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
    small = np.asarray(Image.fromarray(pixels).resize((SIZE, SIZE), filter_))
    image = small / 255.0
    return np.array([*_grey(image, small), *_spectrum(image), *_profiles(image), *_grain(pixels)])


def _grey(image: FloatArray, levels: UInt8Image) -> list[float]:
    ordered = np.sort(levels, axis=None, kind="stable")  # radix sort: a tenth of what percentile() takes
    last = ordered.size - 1
    percentiles = np.interp(np.array((10, 50, 90, 99)) * last / 100, np.arange(ordered.size), ordered) / 255
    shares = [float((image < DARK).mean()), float((image > BRIGHT).mean())]
    return [float(image.mean()), float(image.std()), *percentiles.tolist(), *shares]


@cache
def _frequencies() -> tuple[FloatArray, IntArray, IntArray]:
    """The window; and for each coefficient its band (0 below the first, then 1 to 7, 8 beyond the last), and its direction: three
    numbers for each entry of :data:`DIRECTIONS` (horizontal layers, vertical ones, oblique), then one for all others."""
    down, across = np.abs(np.fft.fftfreq(SIZE))[:, None], np.fft.rfftfreq(SIZE)[None, :]
    radius, angle = np.hypot(down, across), np.arctan2(down, across + 1e-12)
    part = np.select([angle > 3 * np.pi / 8, angle < np.pi / 8], [0, 1], 2)
    place = np.full(radius.shape, 3 * len(DIRECTIONS))
    for number, (low, high) in enumerate(DIRECTIONS):
        inside = (radius >= low) & (radius < high)
        place[inside] = 3 * number + part[inside]
    return np.outer(np.hanning(SIZE), np.hanning(SIZE)), np.digitize(radius, BANDS).ravel(), place.ravel()


def _spectrum(image: FloatArray) -> list[float]:
    """Log share of the power in each band; log ratios of vertical to horizontal, and of both to oblique power."""
    window, band, place = _frequencies()
    coefficients = np.fft.rfft2((image - image.mean()) * window).ravel()
    power = coefficients.real**2 + coefficients.imag**2 + 1e-9
    shares = np.bincount(band, power)[1:]
    found: list[float] = np.log(shares[:-1] / shares.sum() + 1e-7).tolist()
    for layers, columns, oblique in np.bincount(place, power)[:-1].reshape(-1, 3):
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
    patch = pixels[top : top + min(PATCH, height // 2), left : left + min(PATCH, width // 2)]
    fine, coarse, local = (box_sums(patch, side) / (255.0 * side * side) for side in (3, 13, 9))
    squares = box_sums(np.square(patch, dtype=np.uint16), 9) / (255.0 * 255.0 * 81)
    spread = np.sqrt(np.maximum(squares - local * local, 0))
    grey = patch.astype(np.int16)
    steps = (grey[:, 1:] - grey[:, :-1], grey[1:] - grey[:-1], grey[:, 2:] - grey[:, :-2], grey[2:] - grey[:-2])
    across, down, across2, down2 = (np.abs(step).mean() / 255 + 1e-4 for step in steps)
    contrasts = [(patch / 255.0 - fine).std(), (fine - coarse).std()]
    ratios = [down / across, across2 / across, down2 / down]
    return [
        *(float(np.log(c + 1e-4)) for c in contrasts),
        *(float(np.log(r)) for r in ratios),
        _correlation(spread, local),
    ]


def _correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's correlation of two arrays of one shape, 0 where one hardly varies."""
    a, b = a.ravel() - a.mean(), b.ravel() - b.mean()
    squares = _product(a, a), _product(b, b)
    return _product(a, b) / (squares[0] * squares[1]) ** 0.5 if min(squares) > 1e-12 * a.size else 0.0


def _product(a: FloatArray, b: FloatArray) -> float:
    """Of two vectors. Not ``a @ b``: BLAS wakes a thread a core for that, which spin on while the networks need the cores."""
    return float(np.einsum("i,i->", a, b))
