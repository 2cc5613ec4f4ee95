"""What a scanner burns into its pictures: side and position, settings, caliper crosses with their read-out.

Normal pictures get calipers as often as the others (somebody measured a lobule), so that a cross says nothing about a nodule.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from usnet.phantoms.geometry import Geometry
from usnet.values import Box, Flag, UInt8Image

POSITIONS = ("1:00", "2:00", "3:00", "5:00", "7:00", "8:00", "10:00", "11:00")


def burn_in(
    pixels: UInt8Image,
    boxes: tuple[Box, ...],
    geometry: Geometry,
    wanted: frozenset[Flag],
    side: str,
    rng: np.random.Generator,
) -> UInt8Image:
    """The picture with text and calipers drawn in. ``wanted`` says which; ``boxes`` are the nodules in pixels."""
    if not wanted:
        return pixels
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    points = max(8, round(min(pixels.shape) / 26))
    font = ImageFont.load_default(size=points)
    lines = _text(geometry, side, rng) if "text" in wanted else []
    if "calipers" in wanted:
        box = boxes[0] if boxes else _anywhere(geometry, rng)
        lines.append(_cross_pairs(draw, box, geometry))
    height = points * 1.25
    for k, line in enumerate(lines):
        draw.text((4, geometry.rows - 4 - height * (len(lines) - k)), line, fill=int(rng.integers(190, 256)), font=font)
    return np.asarray(image)


def _text(geometry: Geometry, side: str, rng: np.random.Generator) -> list[str]:
    where = POSITIONS[int(rng.integers(len(POSITIONS)))]
    lines = [f"{side[0].upper()} BREAST {where}", f"D {geometry.depth_mm / 10:.1f}cm  G {int(rng.integers(30, 80))}"]
    return lines[: int(rng.integers(1, 3))]


def _anywhere(geometry: Geometry, rng: np.random.Generator) -> Box:
    width, height = (float(v) for v in rng.uniform(0.1, 0.3, 2) * (geometry.columns, geometry.rows))
    x, y = rng.uniform(0.15, 0.85 - width / geometry.columns), rng.uniform(0.1, 0.6)
    return Box(float(x) * geometry.columns, float(y) * geometry.rows, width, height)


def _cross_pairs(draw: ImageDraw.ImageDraw, box: Box, geometry: Geometry) -> str:
    """Two pairs of crosses at the extent of ``box``; the read-out in mm."""
    x0, y0, x1, y1 = box.corners
    arm = max(3, round(geometry.rows / 80))
    for x, y in ((x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), ((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)):
        draw.line((x - arm, y, x + arm, y), fill=230)
        draw.line((x, y - arm, x, y + arm), fill=230)
    return f"+ {box.width * geometry.spacing_mm[1]:.1f}mm  x {box.height * geometry.spacing_mm[0]:.1f}mm"
