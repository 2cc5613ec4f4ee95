"""An exam on paper: one HTML document without any address but ``data:``, and the PDF of it."""

from __future__ import annotations

import base64
import io
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

import usnet
from usnet.reports import style
from usnet.reports.overlay import draw_overlay, without_text
from usnet.store.blobs import Blobs
from usnet.values import Diagnosis, Frame, OperatingPoint
from usnet.web.diagnose.assess import TERMS, Saved
from usnet.web.diagnose.compare import key_frame
from usnet.web.pages import when
from usnet.web.tables import View
from usnet.web.words import catalogue

WIDTH = 900


@dataclass(frozen=True, slots=True)
class Part:
    """A view in a report: its frames' diagnoses at the wanted operating point, pictures' sha256, what the doctor wrote."""

    view: View
    diagnoses: tuple[Diagnosis, ...]
    pictures: tuple[str, ...]
    assessment: Saved

    @property
    def key(self) -> int:
        """The frame that is shown."""
        return key_frame(list(self.diagnoses))

    @property
    def shown(self) -> Diagnosis:
        """Its diagnosis."""
        return self.diagnoses[self.key]

    def frame(self, files: Blobs) -> Frame:
        """The key frame's pixels from the stored picture."""
        import numpy as np

        with Image.open(files.path(self.pictures[self.key])) as image:
            pixels = np.asarray(image.convert("L"))
        view = self.view
        known = view.spacing_row is not None and view.spacing_column is not None
        spacing = (view.spacing_row or 0.0, view.spacing_column or 0.0) if known else None
        return Frame(pixels, f"view {view.position + 1}", view.sha256, spacing, view.spacing_source)


def html(exam: str, parts: list[Part], failed: list[View], point: OperatingPoint, files: Blobs, language: str) -> str:
    """The document."""
    environment = Environment(
        loader=PackageLoader("usnet.web"), autoescape=True, undefined=StrictUndefined, extensions=["jinja2.ext.i18n"]
    )
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {"percent": style.percent, "size": style.size_text, "when": when}
    return environment.get_template("diagnose/report.html").render(
        exam=exam,
        parts=[(part, _picture(part, files)) for part in parts],
        failed=failed,
        point=point,
        terms=TERMS,
        language=language,
        made=time.time(),
        version=usnet.__version__,
    )


def as_json(exam: str, parts: list[Part], failed: list[View], point: OperatingPoint) -> str:
    """Everything that is known, for programs; frames as in ``usnet diagnose``'s JSON."""
    views: list[dict[str, Any]] = [
        {
            "view": part.view.id,
            "name": part.view.name,
            "spacing_source": part.view.spacing_source,
            "note": part.view.reason,
            "frames": [asdict(diagnosis) for diagnosis in part.diagnoses],
            "assessment": part.assessment.model_dump(),
        }
        for part in parts
    ]
    document = {
        "usnet_exam": 1,
        "research_use": style.RESEARCH_USE,
        "version": usnet.__version__,
        "exam": exam,
        "operating_point": asdict(point),
        "views": views,
        "failed": [{"name": view.name, "reason": view.reason} for view in failed],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


def _picture(part: Part, files: Blobs) -> str:
    image = without_text(draw_overlay(part.frame(files), part.shown)).convert("RGB")
    image.thumbnail((WIDTH, 4 * WIDTH))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
