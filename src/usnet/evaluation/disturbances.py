"""What may happen to a frame on its way: the scanner's knobs, compression, cutting, marks. Each knows the way back for boxes.

A robust model says the same of the disturbed frame. Strengths are stated in grey levels of an 8-bit log-compressed frame whose
256 levels span 60 dB, the common setting of breast presets; 6 dB are 25.5 levels then.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from usnet.values import Box, UInt8Image

DECIBELS = 60.0
"""Dynamic range that the 256 grey levels are taken to span."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """``apply(pixels [H, W], nodules, generator)`` gives the disturbed pixels; ``back`` takes a box found on them to the original's
    pixels, given the original's ``(width, height)``. ``says`` is what the table prints."""

    name: str
    says: str
    apply: Callable[[UInt8Image, tuple[Box, ...], np.random.Generator], UInt8Image]
    back: Callable[[Box, tuple[int, int]], Box] = lambda box, _size: box


def disturbances() -> tuple[Disturbance, ...]:
    """The set of the robustness table, in its order."""
    return (
        Disturbance("gain +6 dB", f"brighter by 6 of {DECIBELS:g} dB", _brighter(6)),
        Disturbance("gain -6 dB", f"darker by 6 of {DECIBELS:g} dB", _brighter(-6)),
        Disturbance("gamma 0.7", "grey curve lifted", _gamma(0.7)),
        Disturbance("gamma 1.4", "grey curve lowered", _gamma(1.4)),
        Disturbance("speckle", "multiplicative grain, 20 %, two pixels wide", _speckle),
        Disturbance("blur", "Gaussian, one pixel at 400 pixels' width", _blur),
        Disturbance("JPEG 50", "saved as JPEG of quality 50", _jpeg),
        Disturbance("crop", "5 % cut off each edge", _crop, _uncrop),
        Disturbance("flip", "left and right exchanged", _flip, _unflip),
        Disturbance("scale 90 %", "resampled to 90 % of the size", _scale(0.9), _unscale(0.9)),
        Disturbance("scale 110 %", "resampled to 110 % of the size", _scale(1.1), _unscale(1.1)),
        Disturbance("calipers", "crosses at each nodule's edges; a pair in the middle where there is none", _calipers),
    )


def _bytes(values: npt.NDArray[np.floating]) -> UInt8Image:
    rounded: UInt8Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def _brighter(decibels: float) -> Callable[..., UInt8Image]:
    levels = 255 * decibels / DECIBELS

    def apply(pixels: UInt8Image, _nodules: tuple[Box, ...], _rng: np.random.Generator) -> UInt8Image:
        # What shows no echo is outside the sector or below the noise: gain does not lift it.
        return np.where(pixels > 0, _bytes(pixels + levels), pixels)

    return apply


def _gamma(exponent: float) -> Callable[..., UInt8Image]:
    table = _bytes(255 * (np.arange(256) / 255) ** exponent)
    return lambda pixels, _nodules, _rng: table[pixels]


def _speckle(pixels: UInt8Image, _nodules: tuple[Box, ...], rng: np.random.Generator) -> UInt8Image:
    grain = gaussian_filter(rng.standard_normal(pixels.shape), 1.0)
    return _bytes(pixels * (1 + 0.2 * grain / grain.std()))


def _blur(pixels: UInt8Image, _nodules: tuple[Box, ...], _rng: np.random.Generator) -> UInt8Image:
    return _bytes(gaussian_filter(pixels.astype(np.float64), pixels.shape[1] / 400))


def _jpeg(pixels: UInt8Image, _nodules: tuple[Box, ...], _rng: np.random.Generator) -> UInt8Image:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=50)
    return np.asarray(Image.open(stream))


def _margins(width: int, height: int) -> tuple[int, int]:
    return round(0.05 * width), round(0.05 * height)


def _crop(pixels: UInt8Image, _nodules: tuple[Box, ...], _rng: np.random.Generator) -> UInt8Image:
    height, width = pixels.shape
    x, y = _margins(width, height)
    return pixels[y : height - y, x : width - x]


def _uncrop(box: Box, size: tuple[int, int]) -> Box:
    x, y = _margins(*size)
    return Box(box.x + x, box.y + y, box.width, box.height)


def _flip(pixels: UInt8Image, _nodules: tuple[Box, ...], _rng: np.random.Generator) -> UInt8Image:
    return np.ascontiguousarray(pixels[:, ::-1])


def _unflip(box: Box, size: tuple[int, int]) -> Box:
    return Box(size[0] - box.x - box.width, box.y, box.width, box.height)


def _sizes(width: int, height: int, factor: float) -> tuple[int, int]:
    return max(1, round(width * factor)), max(1, round(height * factor))


def _scale(factor: float) -> Callable[..., UInt8Image]:
    def apply(pixels: UInt8Image, _nodules: tuple[Box, ...], _rng: np.random.Generator) -> UInt8Image:
        size = _sizes(pixels.shape[1], pixels.shape[0], factor)
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))

    return apply


def _unscale(factor: float) -> Callable[[Box, tuple[int, int]], Box]:
    def back(box: Box, size: tuple[int, int]) -> Box:
        width, height = _sizes(*size, factor)
        x, y = size[0] / width, size[1] / height
        return Box(box.x * x, box.y * y, box.width * x, box.height * y)

    return back


def _calipers(pixels: UInt8Image, nodules: tuple[Box, ...], _rng: np.random.Generator) -> UInt8Image:
    height, width = pixels.shape
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    arm = max(3, round(height / 80))
    for box in nodules or (Box(0.4 * width, 0.4 * height, 0.2 * width, 0.2 * height),):
        x0, y0, x1, y1 = box.corners
        for x, y in ((x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), ((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)):
            draw.line((x - arm, y, x + arm, y), fill=230)
            draw.line((x, y - arm, x, y + arm), fill=230)
    return np.asarray(image)
