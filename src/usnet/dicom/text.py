"""Sentences about a source as a whole, shared by picture, PDF and FHIR."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance


def key_notes(instance: Instance) -> list[str]:
    """Which frame of a loop is shown and what of the loop was read; empty for a single image that was read well."""
    notes = []
    total = len(instance.diagnoses)
    if total > 1:
        hits = sum(1 for diagnosis in instance.diagnoses if diagnosis.findings)
        notes.append(
            f"Frame {instance.key.number + 1} is shown. {total} frames were read, {hits} of them with a finding."
        )
    if instance.failure is not None:
        notes.append(f"The loop was not read to its end: {instance.failure}")
    return notes


def summary_text(instance: Instance) -> str:
    """One sentence on the whole source."""
    found = sum(len(diagnosis.findings) for diagnosis in instance.diagnoses)
    if found:
        malignant = sum(finding.label == "malignant" for _, _, finding in instance.findings())
        return f"{found} finding{'s' if found > 1 else ''}, {malignant} called malignant at this operating point"
    return "No finding at this operating point, which does not prove that there is none"
