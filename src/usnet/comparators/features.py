"""The feature vector of classical computer-aided diagnosis: BI-RADS descriptors on a contour, and texture by scikit-image."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from usnet.descriptors import find_contour, measure
from usnet.descriptors.measure import NAMES
from usnet.extras import need
from usnet.values import Box, Frame, UInt8Image

FloatArray = npt.NDArray[np.float64]

LEVELS = 32
"""Grey levels of the co-occurrence matrix."""
SIDE = 96
"""Longer side of the crop on which texture is measured, so that distances mean the same on every scanner."""
DISTANCES = (1, 2, 4)
PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
LBP_POINTS, LBP_RADIUS = 8, 1

TEXTURE = (
    *(f"glcm {name} at {d}" for name in PROPERTIES for d in DISTANCES),
    *(f"local binary pattern {k}" for k in range(LBP_POINTS + 2)),
    *(f"histogram {name}" for name in ("mean", "deviation", "skewness", "p10", "p90", "entropy")),
)
FEATURES: tuple[str, ...] = (*NAMES, *TEXTURE)
"""Names, in the order of :func:`features`; the first are those of :data:`usnet.descriptors.DESCRIPTORS`."""


def features(pixels: UInt8Image, box: Box, spacing_mm: tuple[float, float] | None) -> FloatArray:
    """``[F]`` features of the nodule in ``box``, NaN where unknown.

    Raises
    ------
    MissingExtra
        scikit-image is not installed.
    """
    height, width = pixels.shape
    cut = box.clipped(width, height)
    if min(cut.width, cut.height) < 4:
        return np.full(len(FEATURES), np.nan)
    found = measure(pixels, find_contour(pixels, cut), spacing_mm)
    return np.array([*(found[name] for name in NAMES), *texture(_crop(pixels, cut))], dtype=np.float64)


def texture(crop: UInt8Image) -> list[float]:
    """Texture of ``uint8 [h, w]``: Haralick's co-occurrence features (1973), mean of four directions; uniform local binary patterns
    (Ojala et al. 2002); the histogram."""
    need("skimage", extra="comparators", feature="texture of the classical methods")
    feature: Any = import_module("skimage.feature")
    directions = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    matrix = feature.graycomatrix(
        crop // (256 // LEVELS), list(DISTANCES), directions, LEVELS, symmetric=True, normed=True
    )
    values = [float(v) for name in PROPERTIES for v in feature.graycoprops(matrix, name).mean(axis=1)]
    codes = feature.local_binary_pattern(crop, LBP_POINTS, LBP_RADIUS, "uniform").astype(int)
    values += (np.bincount(codes.ravel(), minlength=LBP_POINTS + 2) / codes.size).tolist()
    return values + _histogram(crop)


def _histogram(crop: UInt8Image) -> list[float]:
    grey = crop.astype(np.float64).ravel()
    mean, deviation = float(grey.mean()), float(grey.std())
    skewness = float((((grey - mean) / max(deviation, 1e-9)) ** 3).mean())
    share = np.bincount(crop.ravel() // (256 // LEVELS), minlength=LEVELS) / crop.size
    entropy = float(-(share[share > 0] * np.log2(share[share > 0])).sum())
    return [mean, deviation, skewness, *np.percentile(grey, [10, 90]).tolist(), entropy]


def _crop(pixels: UInt8Image, box: Box) -> UInt8Image:
    from PIL import Image

    x0, y0, x1, y1 = box.corners
    rows, columns = slice(int(y0), int(np.ceil(y1))), slice(int(x0), int(np.ceil(x1)))
    picture = Image.fromarray(np.ascontiguousarray(pixels[rows, columns]))
    scale = SIDE / max(picture.size)
    size = (max(8, round(picture.width * scale)), max(8, round(picture.height * scale)))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features that were measured already with the seconds they took, by frame and box, and learners that were fitted on them:
    seven learners look at the same images, and judging found and true boxes takes the same fit."""

    known: dict[tuple[str, tuple[float, ...]], tuple[FloatArray, float]] = field(default_factory=dict)
    models: dict[tuple[str, int, bytes], Any] = field(default_factory=dict)

    def of(self, frame: Frame, box: Box) -> tuple[FloatArray, float]:
        """``[F]`` features, measured once, and how many seconds that took."""
        key = (frame.sha256, box.corners)
        if key not in self.known:
            start = time.perf_counter()
            row = features(frame.pixels, box, frame.spacing_mm)
            self.known[key] = row, time.perf_counter() - start
        return self.known[key]
