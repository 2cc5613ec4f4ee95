"""Small pictures of problems, as text that stands inside a page."""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageDraw

from usnet.datasets.check.report import Problem
from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import UnreadableImage
from usnet.images import read

HEIGHT, WIDTH = 180, 300
MARKS = {"benign": ("#56B4E9", "B"), "malignant": ("#FF7A33", "M"), None: ("#F0E442", "?")}
"""Colour (Okabe and Ito 2008) and letter: colour is never the only sign."""


class Pictures:
    """Draws images of one dataset; each file is decoded once however many problems show it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._records = {record.file_name: record for record in dataset.records}
        self._drawn: dict[str, str | None] = {}

    def of(self, problem: Problem) -> list[tuple[str, str]]:
        """(file, data URI) of the problem's one or two images; those that cannot be read are left out."""
        files = [name for name in (problem.file, problem.other) if name is not None]
        drawn = [(name, self._draw(name)) for name in files]
        return [(name, uri) for name, uri in drawn if uri is not None]

    def _draw(self, name: str) -> str | None:
        if name not in self._drawn:
            record = self._records.get(name)
            self._drawn[name] = None if record is None else _draw(self._dataset, record)
        return self._drawn[name]


def _draw(dataset: Dataset, record: ImageRecord) -> str | None:
    try:
        frame = read(dataset.path(record))
    except UnreadableImage:
        return None
    scale = min(HEIGHT / frame.height, WIDTH / frame.width)
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    picture = Image.fromarray(frame.pixels).resize(size, Image.Resampling.BILINEAR).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for nodule in record.nodules:
        corners = [v * scale for v in nodule.box.corners]
        colour, letter = MARKS[nodule.pathology]
        draw.rectangle(corners, outline=colour, width=2)
        draw.text((corners[0] + 4, corners[1] + 2), letter, fill=colour)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
