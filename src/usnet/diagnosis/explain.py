"""Why, in the words of BI-RADS: each finding's contour, its descriptors beside training nodules', and where the network looked."""

from __future__ import annotations

from dataclasses import dataclass

from usnet.descriptors import DESCRIPTORS, Contour, Descriptor, find_contour, measure
from usnet.descriptors.reference import Reference
from usnet.diagnosis.pipeline import Diagnoser
from usnet.diagnosis.saliency import Saliency, occlusion
from usnet.values import Diagnosis, Finding, Frame

MOST = 3
"""Findings of an image that are explained: each takes some seconds."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One descriptor of one finding. ``below_benign`` and ``below_malignant`` are per cent of training nodules with a lower value;
    all are ``None`` where unknown."""

    descriptor: Descriptor
    value: float | None
    below_benign: float | None
    below_malignant: float | None


@dataclass(frozen=True, slots=True)
class Word:
    """A BI-RADS word that a rule gives, and how well such words agreed with experts where that was measured."""

    term: str
    word: str
    descriptor: str
    agreement: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One finding explained; ``number`` counts an image's findings from 1. ``saliency`` is ``None`` where it was not asked for."""

    number: int
    finding: Finding
    contour: Contour
    measured: tuple[Measured, ...]
    words: tuple[Word, ...]
    saliency: Saliency | None


def explain(
    diagnoser: Diagnoser,
    frame: Frame,
    diagnosis: Diagnosis,
    reference: Reference | None,
    *,
    saliency: bool = True,
) -> list[Explanation]:
    """Explanations of the strongest findings of ``diagnosis``, which was made on ``frame``; none for an image called normal.

    Findings less than four pixels wide or high have no outline and are left out.
    """
    found = []
    for number, finding in enumerate(diagnosis.findings[:MOST], 1):
        if min(finding.box.width, finding.box.height) < 4:
            continue
        contour = find_contour(frame.pixels, finding.box)
        values = measure(frame.pixels, contour, frame.spacing_mm)
        looked = occlusion(diagnoser, frame, finding.box) if saliency else None
        found.append(
            Explanation(number, finding, contour, _measured(values, reference), _words(values, reference), looked)
        )
    return found


def _measured(values: dict[str, float], reference: Reference | None) -> tuple[Measured, ...]:
    rows = []
    for descriptor in DESCRIPTORS:
        value = values[descriptor.name]
        known = value == value  # not NaN
        below = [
            None if reference is None or not known else reference.percentile(descriptor.name, kind, value)
            for kind in ("benign", "malignant")
        ]
        rows.append(Measured(descriptor, value if known else None, *below))
    return tuple(rows)


def _words(values: dict[str, float], reference: Reference | None) -> tuple[Word, ...]:
    said = []
    for entry in () if reference is None else reference.rules:
        word = entry.rule().word(values[entry.descriptor])
        if word is not None:
            said.append(Word(entry.term, word, entry.descriptor, entry.agreement))
    return tuple(said)
