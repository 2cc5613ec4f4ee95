"""What of the source object is known to a result: the patient, the study and what the image is. Nothing else is copied.

No private element, no preamble and no pixel of the source gets into this header. Text becomes UTF-8; values that their
VR does not allow become empty, so that a damaged source cannot make a damaged result.
"""

from __future__ import annotations

import io
import re
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from usnet.errors import UnreadableImage
from usnet.images import Limits
from usnet.images.files import looks_like_dicom

PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
STUDY = ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
_EMPTY_ALLOWED = (*PATIENT, *STUDY[1:], "Laterality", "PatientOrientation")  # type 2: there, if only empty
_OPTIONAL = (
    *("IssuerOfPatientID", "PatientAge", "PatientIdentityRemoved", "DeidentificationMethod", "StudyDescription"),
    *("BodyPartExamined", "ImageLaterality", "BurnedInAnnotation", "InstanceNumber", "NumberOfFrames"),
    *("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "LossyImageCompression"),
    *("WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope", "RescaleType"),
)
_SEQUENCES = ("DeidentificationMethodCodeSequence", "ModalityLUTSequence", "VOILUTSequence")
_REQUIRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_PIXELS = ("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit")
_KEYWORDS = (*_REQUIRED, *_EMPTY_ALLOWED, *_OPTIONAL, *_SEQUENCES, *_PIXELS, "PixelRepresentation", "Modality")
_TAGS = [tag_for_keyword(name) for name in ("SpecificCharacterSet", *_KEYWORDS)]

_LENGTH = {"SH": 16, "LO": 64, "CS": 16, "PN": 324, "AS": 4}
_FORM = {
    "DA": re.compile(r"\d{8}"),
    "TM": re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?"),
    "UI": re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+"),
    "AS": re.compile(r"\d{3}[DWMY]"),
    "CS": re.compile(r"[A-Z0-9 _]+"),
}
_VALUES = {
    "PatientSex": {"M", "F", "O"},
    "Laterality": {"L", "R"},
    "ImageLaterality": {"L", "R", "B", "U"},
    "BurnedInAnnotation": {"YES", "NO"},
    "PatientIdentityRemoved": {"YES", "NO"},
    "LossyImageCompression": {"00", "01"},
}


def is_dicom(source: str | Path | bytes) -> bool:
    """Whether the file is DICOM, by its first bytes; false for one that cannot be opened."""
    try:
        if isinstance(source, bytes):
            return looks_like_dicom(source[:256])
        with Path(source).open("rb") as stream:
            return looks_like_dicom(stream.read(256))
    except OSError:
        return False


def header(source: str | Path | bytes | Dataset, *, limits: Limits = Limits()) -> Dataset:
    """The copied attributes of a source object, decoded, with type 2 attributes present.

    Raises
    ------
    UnreadableImage
        Not DICOM, damaged, or without the UIDs that a result must refer to.
    """
    if isinstance(source, Dataset):
        return _cleaned(source, "<dataset>")
    label = "<bytes>" if isinstance(source, bytes) else str(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as stream:
            return _cleaned(_parsed(stream, label, limits), label)
    except UnreadableImage:
        raise
    except Exception as error:
        raise UnreadableImage(f"its DICOM header is not readable ({type(error).__name__})", source=label) from error


def _parsed(stream: IO[bytes], label: str, limits: Limits) -> Dataset:
    from usnet.images.inflate import inflated

    plain = inflated(stream, label, limits)
    return dcmread(plain, stop_before_pixels=True, force=True, specific_tags=_TAGS)  # type: ignore[arg-type]


def _cleaned(raw: Dataset, label: str) -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for name in (*_REQUIRED, *_EMPTY_ALLOWED, *_OPTIONAL, *_PIXELS, "PixelRepresentation", "Modality"):
        value = _value(raw, name)
        if value not in (None, "") or name in _EMPTY_ALLOWED:
            setattr(made, name, "" if value is None else value)
    for name in _SEQUENCES:
        if raw.get(name):
            setattr(made, name, [_plain(item) for item in raw[name].value])
    missing = [name for name in _REQUIRED if not made.get(name)]
    missing += [name for name in _PIXELS if name not in made]
    if missing:
        raise UnreadableImage(
            f"its header has no (valid) {', '.join(missing)}",
            source=label,
            expected="a DICOM image that a result can refer to",
        )
    return made


def _value(raw: Dataset, name: str) -> Any:
    """A value that its VR allows, or ``None``."""
    try:
        value = raw.get(name)
    except Exception:  # pydicom converts on access, and damaged values make it raise anything
        return None
    vr = dictionary_VR(name)
    if value is None or vr in ("US", "IS", "DS"):
        return _numbers(value, several=name.startswith("Window"))
    if isinstance(value, MultiValue):
        value = " ".join(str(part) for part in value) if vr in ("LO", "SH") else str(value[0]) if len(value) else ""
    text = "".join(letter for letter in str(value) if letter.isprintable()).replace("\\", " ").strip()
    if name == "PatientOrientation" or (vr in _FORM and not _FORM[vr].fullmatch(text)) or not _is_date(vr, text):
        return None
    if name in _VALUES and text not in _VALUES[name]:
        return None
    limit = _LENGTH.get(vr, 64)
    return text if len(text) <= limit else (None if vr in ("UI", "CS") else text[:limit].rstrip())


def _is_date(vr: str, text: str) -> bool:
    """Whether a DA is a day of the calendar; true for every other VR."""
    if vr != "DA":
        return True
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def _numbers(value: Any, *, several: bool) -> Any:
    if value is None or (isinstance(value, MultiValue | str) and len(value) == 0):
        return None
    if isinstance(value, MultiValue):
        return list(value) if several else value[0]
    return value


def _plain(item: Dataset) -> Dataset:
    """A sequence item without private elements."""
    made = Dataset()
    for element in item:
        if not element.tag.is_private:
            made.add(element)
    return made
