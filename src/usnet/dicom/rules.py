"""Rules of TID 1500 (PS3.16) that a validator of the IOD does not check, for any report of measurements.

dciodvfy looks at attributes and value types. That two findings share a tracking UID, that a box lies outside its image or that a
probability is 180 % it does not see; every rule here says where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from usnet.dicom.rules_groups import check_groups
from usnet.dicom.tree import Node, content_tree, decoding, first

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TITLES = {"126000", "126001", "126002", "126003"}  # CID 7021
LANGUAGE, OBSERVER_TYPE, PROCEDURE = "121049", "121005", "121058"
DEVICE, PERSON = "121007", "121006"
DEVICE_UID, PERSON_NAME = "121012", "121008"
CONTENTS = {"126010", "126011", "C0034375"}  # imaging measurements, derived ones, qualitative evaluations


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that is broken: its short name, where in the tree (``1.10.2``), and what was found."""

    rule: str
    place: str
    text: str


Images = Mapping[str, tuple[int, int, int]]
"""Known images by SOP Instance UID: columns, rows, frames."""


def check_report(dataset: Dataset, images: Images | None = None) -> list[Problem]:
    """Every broken rule of a report; empty for a sound one, and for reports of other templates than TID 1500.

    ``images`` are those that the report may speak of; the report's own image library adds to them.

    Raises
    ------
    DataError
        The content tree cannot be decoded.
    """
    with decoding("<dataset>"):
        root = content_tree(dataset)
        if not _is_measurement_report(dataset, root):
            return []
        problems: list[Problem] = []
        for check in (_check_root, _check_observer, _check_flags, _check_evidence):
            problems += check(root)
        return problems + [Problem(*found) for found in check_groups(root, dict(images or {}))]


def _is_measurement_report(dataset: Dataset, root: Node) -> bool:
    template = first(dataset, "ContentTemplateSequence")
    stated = template is not None and str(template.get("TemplateIdentifier", "")) == "1500"
    return stated or root.code[0] in TITLES


def _check_root(root: Node) -> Iterator[Problem]:
    """TID 1500 rows 1, 2, 4 and 6 to 12."""
    if root.code[0] not in TITLES:
        yield Problem("title", "1", f"title {root.code[0] or 'missing'} {root.meaning!r} is not in CID 7021")
    if not _with(root, LANGUAGE, "HAS CONCEPT MOD"):
        yield Problem("language", "1", "no language of content item and descendants (TID 1204)")
    if not _with(root, PROCEDURE, "HAS CONCEPT MOD"):
        yield Problem("procedure", "1", "no procedure reported (TID 1500 row 4)")
    if not any(node.code[0] in CONTENTS for node in root.children):
        yield Problem("contents", "1", "neither measurements nor qualitative evaluations (TID 1500 rows 6 to 12)")


def _check_observer(root: Node) -> Iterator[Problem]:
    """TID 1001 to 1004: who observed; a device has a UID, a person a name."""
    types = {node.value()[0] for node in root.having(OBSERVER_TYPE, value_type="CODE") if node.value()}
    observers = [(DEVICE, DEVICE_UID, "a device without a UID (TID 1004)")]
    observers.append((PERSON, PERSON_NAME, "a person without a name (TID 1003)"))
    if not types and not root.having(PERSON_NAME):
        yield Problem("observer", "1", "no observer (TID 1001)")
    for kind, needed, text in observers:
        if kind in types and not root.having(needed):
            yield Problem("observer", "1", text)


def _check_flags(root: Node) -> Iterator[Problem]:
    """PS3.3 C.17.2: a verified document names who verified it, and only a verified one may be final."""
    item = root.item
    verified = str(item.get("VerificationFlag", "")) == "VERIFIED"
    if verified and not item.get("VerifyingObserverSequence"):
        yield Problem("verification", "1", "VERIFIED without a verifying observer")
    if not verified and item.get("VerifyingObserverSequence"):
        yield Problem("verification", "1", "a verifying observer, but UNVERIFIED")
    if str(item.get("PreliminaryFlag", "")) == "FINAL" and not verified:
        yield Problem("verification", "1", "FINAL, but UNVERIFIED")


def _check_evidence(root: Node) -> Iterator[Problem]:
    """PS3.3 C.17.2.3: every object that the content refers to stands in an evidence sequence."""
    listed = set()
    for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in root.item.get(name) or ():
            for series in study.get("ReferencedSeriesSequence") or ():
                listed |= {
                    str(one.get("ReferencedSOPInstanceUID", "")) for one in series.get("ReferencedSOPSequence") or ()
                }
    for node in root.walk():
        for reference in node.item.get("ReferencedSOPSequence") or ():
            uid = str(reference.get("ReferencedSOPInstanceUID", ""))
            if uid not in listed:
                yield Problem("evidence", place(node), f"refers to {uid}, which is in no evidence sequence")


def _with(node: Node, code: str, relationship: str) -> bool:
    return any(child.relationship == relationship for child in node.having(code))


def place(node: Node) -> str:
    """``1.10.2``."""
    return ".".join(map(str, node.path))
