"""``usnet diagnose --explain``: ``explain/`` with a JSON file and a picture an image, and ``explanations.html``."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from usnet.descriptors.reference import Reference
from usnet.diagnosis.explain import Explanation
from usnet.diagnosis.saliency import FloatArray, Saliency
from usnet.reports import style
from usnet.reports.names import OutputNames
from usnet.values import Box, Diagnosis, Frame

FORMAT_VERSION = 1
FOLDER, PAGE = "explain", "explanations.html"
PANEL = 420
"""Pixels of a panel's longer side."""
SUPPORTS, OPPOSES = (255, 140, 0), (40, 120, 255)
STRONGEST = 0.65
"""Opacity of the strongest part of a map."""
WEAKEST = 0.05
"""Maps whose strongest change is less than this in log-odds are drawn at this scale, so that noise is not blown up."""


@dataclass
class ExplanationFolder:
    """Writes explanations while diagnoses come in; :meth:`finish` writes the page."""

    folder: Path
    reference: Reference | None
    _names: OutputNames = field(default_factory=OutputNames)
    _entries: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        place = self.folder / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        for old in (*place.glob("*.json"), *place.glob("*.png"), self.folder / PAGE):
            old.unlink(missing_ok=True)

    def add(self, frame: Frame, diagnosis: Diagnosis, found: Sequence[Explanation]) -> None:
        """Write one image's JSON and, where it has findings, its picture."""
        stem = self._names.unique(diagnosis.image_id)
        document = as_document(diagnosis, found, self.reference)
        path = self.folder / FOLDER / f"{stem}.json"
        path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        picture = None
        if found:
            picture = self.folder / FOLDER / f"{stem}.png"
            draw(frame, found).save(picture)
        name = None if picture is None else picture.name
        self._entries.append({"document": document, "json": path.name, "picture": name, "label": diagnosis.label})

    def finish(self) -> Path:
        """Write ``explanations.html`` and return its path."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(loader=PackageLoader("usnet.reports"), autoescape=True, undefined=StrictUndefined)
        environment.filters["embedded"] = lambda name: _embedded(self.folder / FOLDER / name)
        page = environment.get_template("explanations.html.j2").render(
            entries=self._entries, reference=self.reference, research_use=style.RESEARCH_USE, percent=style.percent
        )
        path = self.folder / PAGE
        path.write_text(page, encoding="utf-8", errors="backslashreplace")
        return path


def as_document(diagnosis: Diagnosis, found: Sequence[Explanation], reference: Reference | None) -> dict[str, Any]:
    """The explanations of one image as plain JSON; unknown is ``null``."""
    return {
        "usnet_explanation": FORMAT_VERSION,
        "image_id": diagnosis.image_id,
        "model": {"name": diagnosis.model.name, "sha256": diagnosis.model.sha256},
        "reference": None if reference is None else {"origin": reference.origin, "count": dict(reference.count)},
        "findings": [_finding(e) for e in found],
    }


def _finding(e: Explanation) -> dict[str, Any]:
    return {
        "number": e.number,
        "box": e.finding.box.as_list(),
        "label": e.finding.label,
        "probability": e.finding.probability,
        "contour": np.round(e.contour.points, 2).tolist(),
        "words": [
            {"term": w.term, "word": w.word, "descriptor": w.descriptor, "agreement": w.agreement} for w in e.words
        ],
        "descriptors": [
            {
                "term": m.descriptor.term,
                "name": m.descriptor.name,
                "says": m.descriptor.says,
                "value": m.value,
                "digits": m.descriptor.digits,
                "percentile_benign": m.below_benign,
                "percentile_malignant": m.below_malignant,
            }
            for m in e.measured
        ],
        "saliency": None if e.saliency is None else _saliency(e.saliency),
    }


def _saliency(saliency: Saliency) -> dict[str, Any]:
    return {
        "method": "occlusion: fall of the log-odds when a part is covered",
        "place": saliency.place.as_list(),
        "detection": np.round(saliency.detection.astype(float), 4).tolist(),
        "malignancy": np.round(saliency.malignancy.astype(float), 4).tolist(),
    }


def draw(frame: Frame, found: Sequence[Explanation]) -> Image.Image:
    """A row a finding: its contour, and where covering lowers (orange) or raises (blue) the evidence."""
    rows = [_row(frame, e) for e in found]
    width, height = max(r.width for r in rows), sum(r.height for r in rows)
    canvas = Image.new("RGB", (width, height), "#14181B")
    top = 0
    for row in rows:
        canvas.paste(row, (0, top))
        top += row.height
    return canvas


def _row(frame: Frame, e: Explanation) -> Image.Image:
    scale = PANEL / max(frame.width, frame.height)
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    plain = Image.fromarray(frame.pixels).resize(size, Image.Resampling.BILINEAR).convert("RGB")
    panels = [(_outlined(plain, e, scale), f"{e.number}: contour")]
    if e.saliency is not None:
        for title, values in (("nodule", e.saliency.detection), ("malignancy", e.saliency.malignancy)):
            picture = _heat(plain, values, e.saliency.place, scale)
            panels.append((picture, f"{e.number}: evidence for {title}"))
    font, head = ImageFont.load_default(14), 22
    canvas = Image.new("RGB", (len(panels) * (size[0] + 8), size[1] + head + 8), "#14181B")
    pen = ImageDraw.Draw(canvas)
    for place, (picture, title) in enumerate(panels):
        left = place * (size[0] + 8)
        pen.text((left + 4, 3), title, fill="#F2F5F7", font=font)
        canvas.paste(picture, (left, head))
    return canvas


def _outlined(plain: Image.Image, e: Explanation, scale: float) -> Image.Image:
    picture = plain.copy()
    pen = ImageDraw.Draw(picture)
    points = [(float(x) * scale, float(y) * scale) for x, y in e.contour.points]
    pen.line([*points, points[0]], fill=style.COLOURS[e.finding.label], width=2)
    return picture


def _heat(plain: Image.Image, values: FloatArray, place: Box, scale: float) -> Image.Image:
    """The frame under a map that lies on ``place`` (frame pixels)."""
    strength = values / max(WEAKEST, float(np.abs(values).max()))
    side = (max(1, round(place.width * scale)), max(1, round(place.height * scale)))
    smooth = np.asarray(Image.fromarray(strength.astype(np.float32), mode="F").resize(side, Image.Resampling.BICUBIC))
    colour = np.where(smooth[..., None] >= 0, np.array(SUPPORTS), np.array(OPPOSES)).astype(np.uint8)
    alpha = (np.clip(np.abs(smooth), 0, 1) * 255 * STRONGEST).astype(np.uint8)
    picture = plain.copy()
    corner = (round(place.x * scale), round(place.y * scale))
    picture.paste(Image.fromarray(colour), corner, Image.fromarray(alpha))
    return picture


def _embedded(path: Path) -> str:
    with Image.open(path) as image:
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
