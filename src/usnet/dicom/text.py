"""Sentences about a source as a whole, shared by picture, PDF and FHIR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from usnet.diagnosis.gate import OVERRULED

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance

MOST_WARNINGS = 8
"""Of a loop whose every frame says something else."""


def key_notes(instance: Instance) -> list[str]:
    """Which frame of a loop is shown and what of the loop was read; empty for a single image that was read well."""
    notes = []
    total = len(instance.diagnoses)
    if total > 1:
        hits = len({frame for lesion in instance.lesions for frame in lesion.frames})
        shown = f"Frame {instance.key.number + 1} is shown"
        notes.append(f"{shown}. {total} frames were judged, {hits} of them with a finding.")
    if instance.failure is not None:
        notes.append(f"Not all of it was judged: {instance.failure}")
    return notes


def summary_text(instance: Instance) -> str:
    """One sentence on the whole source, and one for each of its warnings."""
    return ". ".join([found_text(instance), *warnings(instance)])


def warnings(instance: Instance) -> list[str]:
    """What there was against the frames that were judged, an overruled gate first; each thing once."""
    found = list(dict.fromkeys(w for d in instance.diagnoses for w in d.warnings))
    found.sort(key=lambda warning: not warning.startswith(OVERRULED))
    left = len(found) - MOST_WARNINGS
    return [f"Warning, {w}" for w in found[:MOST_WARNINGS]] + ([f"{left} more warnings"] if left > 0 else [])


def found_text(instance: Instance) -> str:
    """How many findings, and what they are called."""
    found = len(instance.lesions)
    if found:
        malignant = sum(lesion.label == "malignant" for lesion in instance.lesions)
        return f"{found} finding{'s' if found > 1 else ''}, {malignant} called malignant at this operating point"
    return "No finding at this operating point, which does not prove that there is none"
