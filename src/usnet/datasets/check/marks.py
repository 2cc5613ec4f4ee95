"""Marks burned into frames, and marks that alone tell the classes apart."""

from __future__ import annotations

from collections.abc import Iterator

from usnet.datasets.check.context import Context
from usnet.datasets.check.report import Problem, Severity
from usnet.values import LABELS, Flag

GAP = 0.2
"""Difference between classes' shares from which a mark is a shortcut worth knowing."""
ENOUGH = 20
"""Images of a class below which its share means little."""

_KINDS: tuple[tuple[Flag, Severity, str, str, str], ...] = (
    ("colour", "warning", "colour-frame", "colour Doppler or elastography", "Leave it out, or take the B-mode frame"),
    ("calipers", "note", "calipers", "caliper marks burned in", "A network may learn the mark instead of the nodule"),
    ("text", "note", "burned-in-text", "text burned in", "It may name the patient; a network may learn it"),
)


def check_marks(context: Context) -> Iterator[Problem]:
    """Flags of every image, then a warning for each flag whose share differs between classes."""
    for flag, severity, kind, message, hint in _KINDS:
        for item in context.items:
            if flag in item.facts.flags:
                yield Problem(severity, kind, message, item.record.file_name, item.row, hint)
        yield from _shortcut(context, flag)


def _shortcut(context: Context, flag: Flag) -> Iterator[Problem]:
    shares: dict[str, float] = {}
    for label in LABELS:
        found = [flag in i.facts.flags for i in context.items if i.record.label == label and i.facts.error is None]
        if len(found) >= ENOUGH:
            shares[label] = sum(found) / len(found)
    if shares and max(shares.values()) - min(shares.values()) >= GAP:
        listed = ", ".join(f"{share:.0%} of {label}" for label, share in shares.items())
        hint = "Report results with and without marked images, or augment with marks"
        yield Problem("warning", "marks-tell-class", f"{flag} in {listed} images", hint=hint)
