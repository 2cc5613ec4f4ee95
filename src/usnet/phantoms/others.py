"""Pictures that are no ultrasound: what photographs, films, pages, noise and test patterns have in common, drawn at random.

They stand for everything that people drop by mistake. None is a copy of a real picture, so real ones remain to test on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from usnet.values import UInt8Image

FloatArray = npt.NDArray[np.float64]
Painter = Callable[[int, int, np.random.Generator], FloatArray]


def other_picture(seed: int, number: int) -> UInt8Image:
    """Picture ``number`` of a series, ``uint8 [H, W]``; the kinds take turns."""
    rng = np.random.default_rng((seed, number))
    height, width = (int(v) for v in rng.integers(150, 650, 2))
    picture = KINDS[number % len(KINDS)](height, width, rng)
    found: UInt8Image = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return found


def _spread(values: FloatArray, low: float, high: float) -> FloatArray:
    values = values - values.min()
    spread: FloatArray = low + (high - low) * values / max(float(values.max()), 1e-9)
    return spread


def _clouds(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Power falling with frequency, as in natural scenes (Field 1987)."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    radius[0, 0] = 1
    filtered = np.fft.fft2(rng.standard_normal((height, width))) / radius ** rng.uniform(0.5, 3)
    return _spread(np.fft.ifft2(filtered).real, rng.uniform(0, 80), rng.uniform(150, 255))


def _scene(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Things of all sizes that hide one another (the dead leaves model, Lee et al. 2001), some with a texture."""
    image = Image.new("L", (width, height), int(rng.integers(256)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(30, 600))):
        size = min(width, height) * min(0.5, 0.01 + 0.01 * rng.pareto(1.2))
        x, y, grey = rng.uniform(0, width), rng.uniform(0, height), int(rng.integers(256))
        corners = [(x + size * a, y + size * b) for a, b in rng.standard_normal((4, 2))]
        kind = rng.integers(3)
        if kind == 0:
            flat = rng.uniform(0.4, 1) * size
            draw.ellipse((x - size, y - flat, x + size, y + flat), fill=grey)
        elif kind == 1:
            draw.rectangle((x - size, y - 0.6 * size, x + size, y + 0.6 * size), fill=grey)
        else:
            draw.polygon(corners, fill=grey)
    scene: FloatArray = gaussian_filter(np.asarray(image, dtype=np.float64), rng.uniform(0, 1.5))
    if rng.random() < 0.5:
        scene *= 0.6 + 0.4 * _spread(_clouds(height, width, rng), 0, 1)
    texture: FloatArray = gaussian_filter(rng.standard_normal(scene.shape), rng.uniform(1, 4))
    scene += rng.uniform(0, 50) * _spread(texture, -1, 1)
    return scene + rng.normal(0, rng.uniform(0, 12), scene.shape)


def _page(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    image = Image.new("L", (width, height), int(rng.integers(200, 256)))
    draw = ImageDraw.Draw(image)
    points, ink, gap = int(rng.integers(8, 30)), int(rng.integers(80)), rng.uniform(1.1, 2)
    font = ImageFont.load_default(size=points)
    for line in np.arange(5, height, points * gap):
        letters = rng.integers(0, 30, int(1.6 * width / points))
        draw.text((5, line), "".join(chr(97 + int(c)) if c < 26 else " " for c in letters), fill=ink, font=font)
    page: FloatArray = np.asarray(image, dtype=np.float64)
    return np.subtract(255, page) if rng.random() < 0.3 else page


def _noise(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(0, 256, (height, width)).astype(np.float64)
    if kind == 1:
        return rng.normal(rng.uniform(40, 200), rng.uniform(10, 60), (height, width))
    smooth = gaussian_filter(rng.standard_normal((height, width)), rng.uniform(1, 25))
    return _spread(smooth, rng.uniform(0, 100), rng.uniform(150, 255))


def _film(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Overlapping soft shadows, as in projection radiographs and slices, in some with a dark surround."""
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None] - 0.5
    film = np.zeros((height, width))
    for _ in range(int(rng.integers(2, 9))):
        (a, b), (wide, high) = rng.uniform(-0.4, 0.4, 2), rng.uniform(0.05, 0.4, 2)
        film += rng.uniform(-1, 1) * np.exp(-(((x - a) / wide) ** 2) - ((y - b) / high) ** 2)
    if rng.random() < 0.4:
        film[x**2 + y**2 > 0.22] = film.min()
    return _spread(film, 0, 255) + rng.uniform(5, 40) * _spread(_clouds(height, width, rng), -1, 1)


def _pattern(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    kind = rng.integers(3)
    if kind == 0:
        return np.full((height, width), float(rng.integers(256)))
    if kind == 1:
        slope = np.linspace(0, 1, height)[:, None] * rng.normal() + np.linspace(0, 1, width)[None, :] * rng.normal()
        return _spread(slope, 0, 255)
    squares = (np.mgrid[:height, :width] // int(rng.integers(4, 60))).sum(axis=0) % 2
    return np.where(squares > 0, float(rng.integers(120)), float(rng.integers(130, 256)))


KINDS: tuple[Painter, ...] = (_clouds, _scene, _scene, _page, _noise, _film, _film, _pattern)
