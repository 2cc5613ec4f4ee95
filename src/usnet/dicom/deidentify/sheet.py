"""The check sheet: every clean picture with outlines of what was hidden, for the eyes of a person."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from usnet.dicom.deidentify.hiding import Hiding
from usnet.dicom.deidentify.outcome import Outcome
from usnet.values import UInt8Image

SIDE = 640
"""Pixels of a picture's longer side."""
EMBED_LIMIT = 100
"""A sheet of more files links its pictures instead of holding them."""

_SHOWN, _HIDDEN = (
    (86, 180, 233),
    (255, 122, 51),
)  # sky blue and vermillion: told apart in every form of colour blindness
_GAP = 8


def save_picture(shown: tuple[UInt8Image, UInt8Image], hiding: Hiding, path: Path) -> str:
    """Draw the first frame, and beside it the brightest value over all frames where they differ; return the file's name."""
    first, brightest = (_outlined(view, hiding) for view in shown)
    still = np.array_equal(*shown)
    width = first.width if still else 2 * first.width + _GAP
    page = Image.new("RGB", (width, first.height), "white")
    page.paste(first, (0, 0))
    if not still:
        page.paste(brightest, (first.width + _GAP, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path, "JPEG", quality=85)
    return path.name


def _outlined(view: UInt8Image, hiding: Hiding) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(view)).convert("RGB")
    scale = min(1.0, SIDE / max(image.size))
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    draw = ImageDraw.Draw(image)
    for corners, colour in ((hiding.areas, _SHOWN), (hiding.lines, _HIDDEN)):
        for x0, y0, x1, y1 in corners:
            box = (x0 * scale, y0 * scale, max(x0 * scale, x1 * scale - 1), max(y0 * scale, y1 * scale - 1))
            draw.rectangle(box, outline=colour)
    return image


def write_sheet(path: Path, outcomes: Sequence[Outcome], facts: dict[str, str], pictures: Path) -> None:
    """Write the sheet as one HTML page without scripts or links to elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("usnet.dicom.deidentify"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    written = [outcome for outcome in outcomes if outcome.picture]
    embed = len(written) <= EMBED_LIMIT
    environment.filters["address"] = lambda name: _address(pictures / name, embed)
    page = environment.get_template("sheet.html.j2").render(outcomes=outcomes, written=written, facts=facts)
    path.write_text(page, encoding="utf-8")


def _address(picture: Path, embed: bool) -> str:
    if not embed:
        return f"{picture.parent.name}/{picture.name}"
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")
