"""The page that becomes a PDF: who, what was found, the picture, and which model said so."""

from __future__ import annotations

import base64
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import usnet
from usnet.dicom import codes
from usnet.dicom.text import found_text, key_notes, warnings
from usnet.reports.overlay import draw_overlay, without_text
from usnet.reports.style import RESEARCH_USE, UNCALIBRATED, percent, probabilities_text, size_text

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance
    from usnet.dicom.lesions import Lesion

TITLE = "Breast ultrasound: findings of a model"


def page(instance: Instance, when: datetime) -> str:
    """HTML of one source. Every text is escaped, because names and headers come from outside."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("usnet.dicom"), autoescape=True, undefined=StrictUndefined)
    several = len(instance.diagnoses) > 1
    key = instance.key_diagnosis
    return environment.get_template("report.html.j2").render(
        title=TITLE,
        research_use=RESEARCH_USE,
        facts=_facts(instance),
        label=instance.label,
        summary=found_text(instance) + ".",
        key_line=f"Frame {instance.key.number + 1} is shown." if several else "",
        probabilities=probabilities_text(key),
        picture=_picture(instance),
        notes=[*key_notes(instance), *warnings(instance)],
        rows=[_row(lesion) for lesion in instance.lesions],
        several=several,
        origin=_origin(instance, when),
    )


def _facts(instance: Instance) -> list[tuple[str, str]]:
    """Patient and study as far as the source tells them."""
    header = instance.header
    if header is None:
        return [("Image", instance.key_diagnosis.image_id)]
    rows = [
        ("Patient", str(header.PatientName).replace("^", " ").strip()),
        ("Patient ID", header.PatientID),
        ("Born", _date(header.PatientBirthDate)),
        ("Study", f"{_date(header.StudyDate)} {header.get('StudyDescription', '')}".strip()),
        ("Accession number", header.AccessionNumber),
        ("Side", {"L": "left", "R": "right"}.get(codes.laterality(header) or "", "")),
        ("Image", f"instance {header.get('InstanceNumber', '')}, SOP Instance UID {header.SOPInstanceUID}"),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _origin(instance: Instance, when: datetime) -> list[tuple[str, str]]:
    point, spacing = instance.operating_point, instance.key.spacing_mm
    calibration = "none: sizes are in pixels"
    if spacing is not None:
        calibration = f"{spacing[1]:.4f} x {spacing[0]:.4f} mm a pixel (x, y), from {instance.key.spacing_source}"
    return [
        ("Model", f"{instance.model.name}, sha256 {instance.model.sha256}"),
        ("Operating point", f"{point.name}: score from {point.detection:.3g}, malignant from {point.malignancy:.3g}"),
        ("Calibration", calibration),
        ("Made", f"{when:%Y-%m-%d %H:%M} by usnet {usnet.__version__}"),
    ]


def _row(lesion: Lesion) -> dict[str, Any]:
    """A lesion, with score and size on the frame where it is seen best."""
    finding = lesion.best
    orientation = codes.orientation(finding)
    return {
        "frames": f"{lesion.frame + 1} (seen on {len(lesion.frames)})",
        "number": lesion.number,
        "label": lesion.label,
        "probability": percent(lesion.probability),
        "score": f"{finding.score:.2f}",
        "size": size_text(finding).removesuffix(UNCALIBRATED),
        "orientation": "" if orientation is None else orientation[2].lower(),
    }


def _picture(instance: Instance) -> str:
    """The frame with its numbered boxes, as a data address."""
    shown = without_text(draw_overlay(instance.key, instance.key_diagnosis)).convert("RGB")
    buffer = io.BytesIO()
    shown.save(buffer, format="JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _date(text: Any) -> str:
    """``20240131`` as ``2024-01-31``."""
    value = str(text or "")
    return f"{value[:4]}-{value[4:6]}-{value[6:8]}" if len(value) == 8 and value.isdigit() else ""
