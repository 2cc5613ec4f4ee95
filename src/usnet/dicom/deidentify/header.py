"""The profile applied to a header, sequences included."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from usnet.dicom.deidentify import dates, profile
from usnet.dicom.deidentify.identifiers import Identifiers
from usnet.dicom.deidentify.options import Options
from usnet.dicom.deidentify.secret import Secret

DUMMY = "REMOVED"
DUMMY_DATE = "19000101"

TEXT = frozenset(["LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE", "UR"])
BINARY = frozenset(["OB", "OW", "OF", "OD", "OL", "OV", "UN"])
MOMENT = frozenset(["DA", "DT", "TM"])

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_NEVER_SHIFTED = frozenset(["PatientBirthDate", "PatientBirthTime"])
_PERSON_CODES = frozenset(["PersonIdentificationCodeSequence"])
_DROPPED_GRAPHICS = frozenset(["GraphicAnnotationSequence", "FlowIdentifierSequence"])
_PATIENT_GROUP = 0x0010


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Applies the profile to data sets of one patient; ``counts`` says how many attributes each action touched."""

    secret: Secret
    options: Options
    patient: str
    identifiers: Identifiers
    counts: Counter[str] = field(default_factory=Counter)

    def clean(self, dataset: Dataset) -> None:
        """Change ``dataset`` in place, items of sequences included."""
        for tag in list(dataset.keys()):
            try:
                element = dataset[tag]
            except Exception:  # a value that cannot be read cannot be cleaned
                self._remove(dataset, tag)
                continue
            if self._is_foreign(element):
                self._remove(dataset, tag)
            elif element.VR == "SQ":
                self._sequence(dataset, element)
            else:
                self._plain(dataset, element)

    def _is_foreign(self, element: DataElement) -> bool:
        """Private, overlay, curve or unknown attributes, and group lengths."""
        tag = element.tag
        repeating = tag.group & 0xFF00 in (0x5000, 0x6000)
        return bool(
            tag.is_private or repeating or tag.element == 0 or not dictionary_has_tag(tag) or element.VR == "UN"
        )

    def _sequence(self, dataset: Dataset, element: DataElement) -> None:
        action = profile.table().get(int(element.tag), "")
        kept = profile.is_kept(element.tag, self.options)
        if element.keyword in _PERSON_CODES:
            dataset[element.tag].value = Sequence([_nobody()])
            self.counts["replaced"] += 1
        elif element.keyword in _DROPPED_GRAPHICS or (not kept and action in ("X", "X/D", "X/Z/D")):
            self._remove(dataset, element.tag)
        elif not kept and action in ("Z", "X/Z"):
            dataset[element.tag].value = Sequence()
            self.counts["emptied"] += 1
        else:
            for item in element.value:
                self.clean(item)

    def _plain(self, dataset: Dataset, element: DataElement) -> None:
        if element.is_empty:
            return
        new = self._new_value(element)
        if new is None:
            self._remove(dataset, element.tag)
            return
        new = self._without_identifiers(element, new)
        if new != element.value:
            element.value = new

    def _new_value(self, element: DataElement) -> Any:
        """The value after cleaning, ``None`` to remove the attribute."""
        tag, vr, options = element.tag, element.VR, self.options
        action = profile.table().get(int(tag), "")
        if element.keyword in ("PatientName", "PatientID"):
            self.counts["replaced"] += 1
            return self.secret.pseudonym(self.patient)
        if profile.is_kept(tag, options):
            return self._valid(element)
        if profile.is_cleaned_description(tag, options):
            self.counts["cleaned"] += 1
            return profile.cleaned_description(str(element.value)) or None
        if vr == "UI":
            return None if action == "X" else self._uids(element)
        if vr in MOMENT and options.dates == "shift" and element.keyword not in _NEVER_SHIFTED:
            return self._moment(element)
        if action:
            return self._by_action(element, action)
        return self._unlisted(element)

    def _by_action(self, element: DataElement, action: str) -> Any:
        if action == "X":
            return None
        if action in ("Z", "X/Z"):
            self.counts["emptied"] += 1
            return ""
        self.counts["replaced"] += 1
        return _dummy(element.VR)

    def _unlisted(self, element: DataElement) -> Any:
        """Attributes without a row in the table."""
        vr, keyword = element.VR, element.keyword
        if keyword == "TextValue":  # of a structured report, which is nothing without it
            self.counts["replaced"] += 1
            return DUMMY
        allowed = profile.words("free_text" if vr in TEXT else "binary")
        denied = (vr in TEXT or vr in BINARY) and keyword not in allowed
        if denied or vr in MOMENT or element.tag.group == _PATIENT_GROUP:
            return None
        return self._valid(element)

    def _valid(self, element: DataElement) -> Any:
        """The value, if it is what its representation says: numbers and codes can hold a name as well."""
        texts = [str(value) for value in _values(element)]
        if element.VR == "AS":
            return dates.capped_age(texts[0])
        if element.VR in ("DS", "IS") and not all(_NUMBER.fullmatch(text.strip()) for text in texts):
            return None
        if element.VR == "CS" and not all(_CODE.fullmatch(text) for text in texts):
            return None
        return element.value

    def _uids(self, element: DataElement) -> Any:
        new = [str(uid) if str(uid) in UID_dictionary else self.secret.uid(str(uid)) for uid in _values(element)]
        self.counts["uids"] += sum(str(a) != b for a, b in zip(_values(element), new, strict=True))
        return new if len(new) > 1 else new[0]

    def _moment(self, element: DataElement) -> Any:
        days = self.secret.shift_days(self.patient)
        new = [dates.shifted(str(value), element.VR, days) for value in _values(element)]
        if any(value is None for value in new):
            return "" if "Z" in profile.table().get(int(element.tag), "") else None
        self.counts["shifted"] += element.VR != "TM"
        return new if len(new) > 1 else new[0]

    def _without_identifiers(self, element: DataElement, new: Any) -> Any:
        """Parts of a value that hold an identifier of the source go."""
        if element.VR in ("UI", *MOMENT) or element.keyword in ("PatientName", "PatientID"):
            return new
        if isinstance(new, bytes):
            return b"" if self._hit(new) else new
        if not isinstance(new, str) and element.VM > 1:
            clean = [part for part in new if not (isinstance(part, str) and self._hit(part))]
            return new if len(clean) == len(new) else clean
        return "" if isinstance(new, str) and self._hit(new) else new

    def _hit(self, value: str | bytes) -> bool:
        found = self.identifiers.inside(value)
        self.counts["identifiers found elsewhere"] += found
        return found

    def _remove(self, dataset: Dataset, tag: Any) -> None:
        del dataset[tag]
        self.counts["removed"] += 1


def patient_key(dataset: Dataset) -> str:
    """What tells patients apart: number and issuer, else name and birth date, else the study."""
    number = _text(dataset, "PatientID")
    if number:
        return f"id\0{number}\0{_text(dataset, 'IssuerOfPatientID')}"
    name = _text(dataset, "PatientName").strip("^")
    if name:
        return f"name\0{name}\0{_text(dataset, 'PatientBirthDate')}"
    return f"study\0{_text(dataset, 'StudyInstanceUID') or _text(dataset, 'SOPInstanceUID')}"


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        return str(dataset.get(keyword) or "").strip()
    except Exception:
        return ""


def _values(element: DataElement) -> list[Any]:
    return list(element.value) if element.VM > 1 else [element.value]


def _dummy(vr: str) -> Any:
    known = {
        "DA": DUMMY_DATE,
        "DT": DUMMY_DATE,
        "TM": "000000",
        "AS": "000Y",
        "DS": "0",
        "IS": "0",
        "UR": "http://removed.invalid",
    }
    if vr in known:
        return known[vr]
    return DUMMY if vr in TEXT or vr == "CS" else None


def _nobody() -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = DUMMY, "99USNET", "Removed"
    return code
