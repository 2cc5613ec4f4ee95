"""What one source shows: findings of an image, or nodules of a loop that last over several frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from usnet.diagnosis.loops import LoopOpinion, Track, loop_opinion
from usnet.values import Diagnosis, Finding, Pathology


@dataclass(frozen=True, slots=True)
class Lesion:
    """One finding of a source, seen on one or more 0-based ``frames``, with its box on each.

    ``number`` counts from 1, those on the key frame of the source first. ``probability`` and ``label`` are the finding's own on a
    single image, and those of the whole track in a loop (:mod:`usnet.diagnosis.loops`). ``frame`` is where it is seen best.
    """

    number: int
    label: Pathology
    probability: float
    frame: int
    frames: tuple[int, ...]
    findings: tuple[Finding, ...]

    @property
    def best(self) -> Finding:
        """The finding on ``frame``."""
        return self.findings[self.frames.index(self.frame)]


def lesions_of(diagnoses: Sequence[Diagnosis], key_frame: int) -> tuple[tuple[Lesion, ...], LoopOpinion | None]:
    """Lesions of one source, and the opinion on the loop if it is one."""
    if len(diagnoses) == 1:
        (diagnosis,) = diagnoses
        rows = enumerate(diagnosis.findings, 1)
        frame = diagnosis.frame
        return tuple(Lesion(n, f.label, f.probability, frame, (frame,), (f,)) for n, f in rows), None
    loop = loop_opinion(diagnoses)
    tracks = sorted(loop.tracks, key=lambda track: (key_frame not in track.frames, track.number))
    return tuple(_lesion(number, track) for number, track in enumerate(tracks, 1)), loop


def _lesion(number: int, track: Track) -> Lesion:
    return Lesion(number, track.label, track.probability, track.key_frame, track.frames, track.findings)
