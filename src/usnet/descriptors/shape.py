"""Shape, orientation and margin of a contour, from its points alone: no pixel is looked at."""

from __future__ import annotations

import numpy as np

from usnet.descriptors.contour import Contour, FloatArray

LOBES, SPICULES = (3, 7), 8
"""Harmonics of the outline's distance from its ellipse that count as lobes, and from which on they count as spicules."""
DENT = 0.03
"""Depth of a dent between two lobes, as a share of the radius."""


def shape_of(contour: Contour, spacing_mm: tuple[float, float] | None) -> dict[str, float]:
    """Shape descriptors; lengths in millimetres where ``spacing_mm`` (row, column) is known, else in pixels (areas NaN).

    ``orientation`` is the angle of the long axis to the skin in degrees, 0 parallel, 90 upright. ``irregularity`` is the standard
    deviation of the radius over that of the ellipse with the same moments; ``lobulation`` and ``spiculation`` are its slow and
    quick waves; ``lobes`` counts dents deeper than 3 %.
    """
    row, column = spacing_mm or (1.0, 1.0)
    points = contour.points * np.array([column, row])
    area, perimeter = _area(points), _perimeter(points)
    hull_area, hull_perimeter = _hull(points)
    box = contour.box
    centre, axes, angle = _moments(points)
    residual = _residual(points, centre, axes, angle)
    waves = np.abs(np.fft.rfft(residual)) / residual.size * 2
    return {
        "area_mm2": area if spacing_mm else float("nan"),
        "compactness": 4 * np.pi * area / perimeter**2,
        "solidity": min(1.0, area / hull_area),
        "convexity": min(1.0, hull_perimeter / perimeter),
        "orientation": angle if angle <= 90 else 180 - angle,
        "height_to_width": (box.height * row) / (box.width * column),
        "elongation": axes[1] / axes[0],
        "irregularity": float(residual.std()),
        "lobulation": float(np.sqrt((waves[LOBES[0] : LOBES[1] + 1] ** 2).sum())),
        "lobes": float(_dents(residual)),
        "spiculation": float(np.sqrt((waves[SPICULES:] ** 2).sum())),
    }


def _area(points: FloatArray) -> float:
    x, y = points.T
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2) or 1e-9


def _perimeter(points: FloatArray) -> float:
    return float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum()) or 1e-9


def _hull(points: FloatArray) -> tuple[float, float]:
    """Area and perimeter of the convex hull."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(points)
    except QhullError:  # all points on one line
        return _area(points), _perimeter(points)
    return float(hull.volume), float(hull.area)  # in two dimensions scipy's volume is the area, its area the perimeter


def _moments(points: FloatArray) -> tuple[FloatArray, tuple[float, float], float]:
    """Centre, half axes (long, short) and angle in degrees [0, 180) of the ellipse with the polygon's moments."""
    x, y = points.T
    nx, ny = np.roll(x, -1), np.roll(y, -1)
    cross = x * ny - nx * y
    area = cross.sum() / 2 or 1e-9
    centre = np.array([((x + nx) * cross).sum(), ((y + ny) * cross).sum()]) / (6 * area)
    x, y, nx, ny = x - centre[0], y - centre[1], nx - centre[0], ny - centre[1]
    cross = x * ny - nx * y
    xx = ((x * x + x * nx + nx * nx) * cross).sum() / (12 * area)
    yy = ((y * y + y * ny + ny * ny) * cross).sum() / (12 * area)
    xy = ((x * ny + 2 * x * y + 2 * nx * ny + nx * y) * cross).sum() / (24 * area)
    values, vectors = np.linalg.eigh(np.array([[xx, xy], [xy, yy]]))
    long_axis = vectors[:, 1]
    angle = float(np.degrees(np.arctan2(long_axis[1], long_axis[0])) % 180)
    half = 2 * np.sqrt(np.maximum(values, 1e-12))
    return centre, (float(half[1]), float(half[0])), angle


def _residual(points: FloatArray, centre: FloatArray, axes: tuple[float, float], angle: float) -> FloatArray:
    """``[96]`` radius of the outline over that of the ellipse, less 1."""
    turn = np.radians(angle)
    along = (points - centre) @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    radius = np.hypot(*along.T)
    theta = np.arctan2(along[:, 1], along[:, 0])
    ellipse = axes[0] * axes[1] / np.hypot(axes[1] * np.cos(theta), axes[0] * np.sin(theta))
    return np.asarray(radius / np.maximum(ellipse, 1e-9) - 1)


def _dents(residual: FloatArray) -> int:
    """Dents between lobes: minima of the slow waves that lie :data:`DENT` below both neighbouring maxima."""
    spectrum = np.fft.rfft(residual)
    spectrum[SPICULES + 4 :] = 0
    slow = np.fft.irfft(spectrum, residual.size)
    low = np.flatnonzero((slow < np.roll(slow, 1)) & (slow <= np.roll(slow, -1)))
    high = np.flatnonzero((slow > np.roll(slow, 1)) & (slow >= np.roll(slow, -1)))
    count = 0
    for place in low:
        before, after = high[high < place], high[high > place]
        left = slow[before[-1] if before.size else high[-1]] if high.size else slow[place]
        right = slow[after[0] if after.size else high[0]] if high.size else slow[place]
        count += bool(min(left, right) - slow[place] > DENT)
    return count
