"""Where the samples lie: beams under the probe, pixels on the screen, millimetres for both.

Beams fan out a little in a trapezoid view, so tissue is described on a beam grid (depth, beam) whose lateral millimetres depend
on depth; :meth:`Geometry.to_screen` is the scan conversion. x = 0 is the middle of the probe, z = 0 the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]
"""``float32 [rows, beams]`` on the beam grid or ``[rows, columns]`` on the screen."""

MARGIN_BEAMS = 24
"""Beams simulated beyond each side of the screen, so that nothing wraps round into view."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Screen of ``rows`` x ``columns`` pixels with ``spacing_mm`` (row, column) and the beam grid behind it.

    ``oversampling`` is the number of received samples a screen row, ``widening`` the growth of the field from skin to bottom.
    """

    rows: int
    columns: int
    spacing_mm: tuple[float, float]
    oversampling: int = 2
    widening: float = 0.0

    @property
    def depth_mm(self) -> float:
        """Depth of the field."""
        return self.rows * self.spacing_mm[0]

    @property
    def width_mm(self) -> float:
        """Width of the screen (of the field at its bottom)."""
        return self.columns * self.spacing_mm[1]

    @property
    def beams(self) -> int:
        """Number of simulated beams."""
        return self.columns + 2 * MARGIN_BEAMS

    @property
    def z(self) -> Map:
        """``[rows]`` depth of the row centres in mm."""
        return ((np.arange(self.rows) + 0.5) * self.spacing_mm[0]).astype(np.float32)

    @property
    def lateral(self) -> Map:
        """``[beams]`` position of the beams at the bottom of the field, in mm."""
        return ((np.arange(self.beams) - (self.beams - 1) / 2) * self.spacing_mm[1]).astype(np.float32)

    @property
    def fan(self) -> Map:
        """``[rows]`` width of the field as a share of its width at the bottom."""
        return ((1 + self.widening * self.z / self.depth_mm) / (1 + self.widening)).astype(np.float32)

    @property
    def x(self) -> Map:
        """``[rows, beams]`` lateral position of each sample in mm."""
        return self.fan[:, None] * self.lateral[None, :]

    @property
    def screen_x(self) -> Map:
        """``[columns]`` lateral position of the pixel centres in mm."""
        return ((np.arange(self.columns) - (self.columns - 1) / 2) * self.spacing_mm[1]).astype(np.float32)

    def to_screen(self, image: Map) -> Map:
        """Scan conversion: ``[rows, beams]`` to ``[rows, columns]``, linear between beams."""
        if self.widening == 0:
            return image[:, MARGIN_BEAMS : MARGIN_BEAMS + self.columns]
        position = self.screen_x[None, :] / self.spacing_mm[1] / self.fan[:, None] + (self.beams - 1) / 2
        left = np.clip(position.astype(np.intp), 0, self.beams - 2)
        weight = np.clip(position - left, 0, 1).astype(np.float32)
        row = np.arange(self.rows)[:, None]
        result: Map = image[row, left] * (1 - weight) + image[row, left + 1] * weight
        return result

    def in_view(self) -> npt.NDArray[np.bool_]:
        """``[rows, columns]`` pixels that show tissue; the rest of a trapezoid view is black."""
        half = self.width_mm / 2 * self.fan[:, None]
        inside: npt.NDArray[np.bool_] = np.abs(self.screen_x)[None, :] <= half
        return inside
