"""The outline of a nodule inside a box: the best closed path in polar coordinates around the box's centre.

Every ray from the centre meets the outline once (a star-shaped nodule). Radii are counted in units of the ellipse inscribed in the
box, so that one grid fits flat and tall nodules. The path is found by dynamic programming (Timp and Karssemeijer, Medical Physics
2004; 31:958, there for masses on mammograms).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.values import Box, UInt8Image

FloatArray = npt.NDArray[np.float64]
BoolMask = npt.NDArray[np.bool_]

ANGLES = 96
RADII = 40
REACH = (0.45, 1.25)
"""Least and greatest radius that is looked at, in units of the inscribed ellipse."""
STEP_PENALTY = 0.04
PRIOR = 0.9
"""Weight of the wish to lie on the inscribed ellipse, because a box touches its nodule."""


@dataclass(frozen=True, slots=True)
class Contour:
    """A closed outline: ``points [96, 2]`` are x, y in frame pixels (real-valued edges), by rising angle from the right, downwards
    (clockwise on the screen); ``centre`` is where the rays start."""

    points: FloatArray
    centre: tuple[float, float]

    @property
    def box(self) -> Box:
        """The smallest box around it."""
        (x0, y0), (x1, y1) = self.points.min(axis=0), self.points.max(axis=0)
        return Box.from_corners(float(x0), float(y0), float(x1), float(y1))

    def mask(self, shape: tuple[int, int]) -> BoolMask:
        """``bool [H, W]``: the pixels inside."""
        from PIL import Image, ImageDraw

        picture = Image.new("1", (shape[1], shape[0]))
        ImageDraw.Draw(picture).polygon([(float(x) - 0.5, float(y) - 0.5) for x, y in self.points], fill=1)
        return np.asarray(picture, dtype=bool)


def angles() -> FloatArray:
    """``[96]`` radians of the rays."""
    return np.asarray(np.arange(ANGLES) * (2 * np.pi / ANGLES), dtype=np.float64)


def find_contour(pixels: UInt8Image, box: Box) -> Contour:
    """The outline of the nodule in ``box`` on ``pixels uint8 [H, W]``: where it grows brighter outwards, near the box's sides.

    Raises
    ------
    ValueError
        The box is less than two pixels wide or high.
    """
    if min(box.width, box.height) < 2:
        raise ValueError(f"box {box.as_list()} is too small for an outline, expected at least 2 x 2 pixels")
    centre = (box.x + box.width / 2, box.y + box.height / 2)
    radii = np.linspace(*REACH, RADII)
    smooth, (left, top) = _smooth_around(pixels, box)
    grid = _polar(smooth, (centre[0] - left, centre[1] - top), (box.width / 2, box.height / 2), radii)
    edge = np.gradient(grid, axis=1)
    scale = np.percentile(np.abs(edge), 95)
    cost = PRIOR * (radii - 1.0)[None] ** 2 * 4 - edge / max(float(scale), 1e-6)
    path = _closed_path(cost)
    rho = _smoothed(radii[path])
    theta = angles()
    x = centre[0] + rho * np.cos(theta) * box.width / 2
    y = centre[1] + rho * np.sin(theta) * box.height / 2
    height, width = pixels.shape
    return Contour(np.stack([np.clip(x, 0, width), np.clip(y, 0, height)], axis=1), centre)


def contour_of_mask(mask: BoolMask) -> Contour:
    """The outline of a drawn mask ``bool [H, W]`` in the same form: on each ray from its centre of mass the outermost pixel.

    Raises
    ------
    ValueError
        The mask is empty.
    """
    rows, columns = np.nonzero(mask)
    if not rows.size:
        raise ValueError("the mask is empty")
    centre = (float(columns.mean()) + 0.5, float(rows.mean()) + 0.5)
    reach = np.arange(0.0, float(np.hypot(*mask.shape)), 0.5)
    theta = angles()
    x = centre[0] + reach[None] * np.cos(theta)[:, None]
    y = centre[1] + reach[None] * np.sin(theta)[:, None]
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    hit = np.zeros_like(inside)
    hit[inside] = mask[y[inside].astype(int), x[inside].astype(int)]
    last = np.where(hit.any(axis=1), hit.shape[1] - 1 - hit[:, ::-1].argmax(axis=1), 1)
    radius = reach[last] + 0.25
    return Contour(np.stack([centre[0] + radius * np.cos(theta), centre[1] + radius * np.sin(theta)], axis=1), centre)


def _smooth_around(pixels: UInt8Image, box: Box) -> tuple[FloatArray, tuple[int, int]]:
    """The smoothed part of the frame that the rays can reach, and its left and upper edge: the rest would cost time only."""
    from scipy.ndimage import gaussian_filter

    sigma = max(0.8, 0.02 * (box.width + box.height))
    margin = 4 * sigma + 3  # scipy's kernel ends at four sigma
    x0, y0, x1, y1 = box.corners
    across, down = (REACH[1] - 1) * box.width / 2 + margin, (REACH[1] - 1) * box.height / 2 + margin
    height, width = pixels.shape
    left, top = min(max(0, int(x0 - across)), width - 1), min(max(0, int(y0 - down)), height - 1)
    part = pixels[top : max(top, int(y1 + down)) + 1, left : max(left, int(x1 + across)) + 1]
    return gaussian_filter(part.astype(np.float64), sigma, mode="nearest"), (left, top)


def _polar(image: FloatArray, centre: tuple[float, float], half: tuple[float, float], radii: FloatArray) -> FloatArray:
    """Grey values ``[96, R]`` on the rays; pixel centres lie at half-integer edges."""
    from scipy.ndimage import map_coordinates

    theta = angles()[:, None]
    x = centre[0] + radii[None] * np.cos(theta) * half[0] - 0.5
    y = centre[1] + radii[None] * np.sin(theta) * half[1] - 0.5
    return np.asarray(map_coordinates(image, [y, x], order=1, mode="nearest"))


def _closed_path(cost: FloatArray) -> npt.NDArray[np.intp]:
    """Radius index of each angle ``[A]`` at least cost, neighbours at most two steps apart, the last beside the first.

    One round finds a good start, a second one is held to it at both ends.
    """
    open_path = _path(cost, None)
    turned = np.roll(cost, -(ANGLES // 2), axis=0)
    start = int(open_path[ANGLES // 2])
    return np.roll(_path(turned, start), ANGLES // 2)


def _path(cost: FloatArray, start: int | None) -> npt.NDArray[np.intp]:
    count, size = cost.shape
    steps = np.arange(-2, 3)
    total = cost[0].copy()
    if start is not None:
        total = np.where(np.arange(size) == start, total, np.inf)
    back, columns = np.zeros((count, size), dtype=np.intp), np.arange(size)
    padded = np.full(size + 4, np.inf)
    neighbours = np.lib.stride_tricks.sliding_window_view(padded, size)  # [5, R]: the total at each step's start
    penalties = (STEP_PENALTY * steps * steps)[:, None]
    for row in range(1, count):
        padded[2:-2] = total
        options = neighbours + penalties
        best = options.argmin(axis=0)
        back[row] = columns + steps[best]
        total = options[best, columns] + cost[row]
    if start is not None:
        total = np.where(np.abs(np.arange(size) - start) <= 2, total, np.inf)
    path = np.zeros(count, dtype=np.intp)
    path[-1] = int(total.argmin())
    for row in range(count - 1, 0, -1):
        path[row - 1] = np.clip(back[row, path[row]], 0, size - 1)
    return path


def _smoothed(values: FloatArray) -> FloatArray:
    """Three-point mean round the circle: the grid's steps are no spicules."""
    return np.asarray((np.roll(values, 1) + 2 * values + np.roll(values, -1)) / 4)
