"""FHIR R4 DiagnosticReport as JSON, with its observations inside, for systems that speak no DICOM.

Status is ``preliminary``; ``final`` only with a verifier. Codes are those of the structured report: FHIR names the schemes by URL.
Identifiers stand where another server would need its own references, so the document is complete without a FHIR server.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import usnet
from usnet.dicom import codes
from usnet.dicom.base import moment
from usnet.dicom.outlines import outline_of
from usnet.dicom.text import key_notes, summary_text
from usnet.reports.style import RESEARCH_USE
from usnet.values import Box

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options
    from usnet.dicom.lesions import Lesion

_SYSTEMS = {
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "SCT": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
}
_STUDY_REPORT = ("18748-4", "Diagnostic imaging study")


def diagnostic_report(instance: Instance, options: Options) -> bytes:
    """The report as UTF-8 JSON. A source that is no DICOM gives one without patient and study."""
    status = "preliminary" if options.verifier is None else "final"
    when = moment(options).astimezone().isoformat()
    observations = [_finding(instance, status, lesion) for lesion in instance.lesions]
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "contained": [_device(instance), _whole(instance, status), *observations],
        "status": status,
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RUS"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": _STUDY_REPORT[0], "display": _STUDY_REPORT[1]}]},
        **_study(instance),
        "issued": when,
        "performer": [{"display": f"{instance.model.name} (usnet {usnet.__version__})"}],
        "result": [{"reference": "#whole"}, *({"reference": f"#{one['id']}"} for one in observations)],
        "conclusion": " ".join([f"{summary_text(instance)}.", *key_notes(instance), RESEARCH_USE]),
    }
    if options.verifier is not None:
        report["resultsInterpreter"] = [{"display": options.verifier.name.replace("^", " ")}]
    return (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode()


def _study(instance: Instance) -> dict[str, Any]:
    """Whose report it is, and of which study, by identifiers."""
    header = instance.header
    if header is None:
        return {"identifier": [{"value": instance.key_diagnosis.image_id}]}
    made: dict[str, Any] = {
        "imagingStudy": [
            {
                "type": "ImagingStudy",
                "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{header.StudyInstanceUID}"},
            }
        ]
    }
    if header.PatientID:
        made["subject"] = {"type": "Patient", "identifier": {"value": str(header.PatientID)}}
    if header.AccessionNumber:
        made["basedOn"] = [{"type": "ServiceRequest", "identifier": {"value": str(header.AccessionNumber)}}]
    if header.StudyDate:
        date = str(header.StudyDate)
        made["effectiveDateTime"] = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return made


def _device(instance: Instance) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": "device",
        "manufacturer": "usnet",
        "deviceName": [{"name": instance.model.name, "type": "model-name"}],
        "version": [{"value": usnet.__version__}, {"value": f"sha256 {instance.model.sha256}"}],
    }


def _whole(instance: Instance, status: str) -> dict[str, Any]:
    """The image, or the loop, as a whole."""
    made = _observation("whole", codes.SUMMARY, status)
    made["valueCodeableConcept"] = _concept(codes.SUMMARIES[instance.failure is None, bool(instance.lesions)])
    made["component"] = [
        {"code": _concept(codes.CALL), "valueCodeableConcept": _concept(codes.CALLS[instance.label])},
        _quantity(codes.PROBABILITY_OF_CANCER, 100 * instance.key_diagnosis.p_malignant, codes.PERCENT),
    ]
    return made


def _finding(instance: Instance, status: str, lesion: Lesion) -> dict[str, Any]:
    """A lesion, with its box and size on the frame where it is seen best."""
    finding = lesion.best
    made = _observation(f"finding{lesion.number}", codes.MASS, status)
    made["valueCodeableConcept"] = _concept(codes.CALLS[lesion.label])
    if instance.header is not None and codes.is_breast(instance.header):
        side = codes.laterality(instance.header)
        site = [codes.BREAST] if side is None else [codes.BREAST, codes.LATERALITIES[side]]
        made["bodySite"] = {"coding": [_coding(codes.BREAST)], "text": " ".join(c[2] for c in site[::-1])}
    components = [
        _quantity(codes.PROBABILITY_OF_CANCER, 100 * lesion.probability, codes.PERCENT),
        _quantity(codes.CERTAINTY_OF_FINDING, 100 * finding.score, codes.PERCENT),
    ]
    if finding.size_mm is not None:
        components += [
            _quantity(name, value, codes.MILLIMETRE)
            for name, value in zip((codes.WIDTH, codes.HEIGHT), finding.size_mm, strict=True)
        ]
    orientation = codes.orientation(finding)
    if orientation is not None:
        components.append({"code": _concept(codes.ORIENTATION), "valueCodeableConcept": _concept(orientation)})
    components += _outlined(instance, lesion)
    components.append({"code": {"text": "Box in the image"}, "valueString": _place(instance, lesion)})
    made["component"] = components
    return made


def _outlined(instance: Instance, lesion: Lesion) -> list[dict[str, Any]]:
    """Axes, area and words of an outline, where one can be seen on the key frame."""
    found = outline_of(instance, lesion.frame, lesion.best)
    if found is None:
        return []
    made = [{"code": _concept(name), "valueCodeableConcept": _concept(value)} for name, value in found.words()]
    if found.axes_mm is not None:
        sizes = zip((codes.LONG_AXIS, codes.SHORT_AXIS), found.axes_mm, strict=True)
        made += [_quantity(name, value, codes.MILLIMETRE) for name, value in sizes]
        made.append(_quantity(codes.AREA, found.values["area_mm2"], codes.SQUARE_MILLIMETRE))
    return made


def _place(instance: Instance, lesion: Lesion) -> str:
    box: Box = instance.in_image(lesion.best.box)
    frame = "" if instance.loop is None else f"frame {lesion.frame + 1}, one of {len(lesion.frames)}: "
    return f"{frame}x {box.x:.2f}, y {box.y:.2f}, width {box.width:.2f}, height {box.height:.2f} px"


def _observation(name: str, code: codes.Code, status: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": status,
        "code": _concept(code),
        "device": {"reference": "#device"},
    }


def _quantity(name: codes.Code, value: float, unit: codes.Code) -> dict[str, Any]:
    return {
        "code": _concept(name),
        "valueQuantity": {
            "value": round(float(value), 4),
            "unit": unit[2],
            "system": _SYSTEMS["UCUM"],
            "code": unit[0],
        },
    }


def _concept(code: codes.Code) -> dict[str, Any]:
    return {"coding": [_coding(code)], "text": code[2]}


def _coding(code: codes.Code) -> dict[str, str]:
    """Private codes have no address on the network, so their scheme is named by a URN."""
    value, scheme, meaning = code
    return {"system": _SYSTEMS.get(scheme, f"urn:usnet:{scheme}"), "code": value, "display": meaning}
