"""A cine loop as one opinion: findings linked across frames into tracks, the key frame named.

A nodule stays while the probe passes over it; what shows on one frame alone is an accident of speckle. Boxes of neighbouring frames
are linked by the assignment that overlaps most (Kuhn 1955); a track lives through short gaps, and candidates too weak to be
findings prolong it but never begin it (the two-step association of Zhang et al. 2022, ByteTrack).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from usnet.boxes import iou_matrix
from usnet.diagnosis.fuse import mean_log_odds
from usnet.errors import DataError
from usnet.values import Diagnosis, Finding, Label, Pathology, corners_array

OVERLAP = 0.3
"""Least IoU of a nodule's boxes on neighbouring frames; a sweep at 20 frames a second moves it by a few pixels."""
GAP = 3
"""Frames that a nodule may be missed for."""
WEAK = 0.5
"""Share of the detection threshold from which a candidate prolongs a track."""
LASTING = 3
"""Frames that make a track a finding of the loop; all of them in a loop of fewer."""


@dataclass(frozen=True, slots=True)
class Track:
    """One nodule through a loop. ``frames`` are frame numbers, ``findings`` one box each; ``key_frame`` is where it scores highest.

    ``probability`` of malignancy is the mean of the log-odds over the frames; ``label`` is the call at the operating point.
    """

    number: int
    frames: tuple[int, ...]
    findings: tuple[Finding, ...]
    key_frame: int
    probability: float
    label: Pathology

    @property
    def key(self) -> Finding:
        """The finding on the key frame."""
        return self.findings[self.frames.index(self.key_frame)]


@dataclass(frozen=True, slots=True)
class LoopOpinion:
    """The opinion on one loop. Tracks stand by falling score of their key frame; ``key_frame`` is that of the most suspicious one,
    ``None`` for a normal loop. The probabilities add up to 1."""

    source: str
    frames: int
    label: Label
    p_benign: float
    p_malignant: float
    p_normal: float
    key_frame: int | None
    tracks: tuple[Track, ...]
    group: str | None = None


class Loops:
    """Collects frames of multi-frame files while diagnoses stream by; gives each loop's opinion when its last has passed."""

    def __init__(self) -> None:
        self._frames: list[Diagnosis] = []

    def add(self, diagnosis: Diagnosis) -> LoopOpinion | None:
        """Take one frame; returns the opinion on the loop before it, if this frame begins another file."""
        done = self.finish() if self._frames and self._frames[0].source != diagnosis.source else None
        self._frames.append(diagnosis)
        return done

    def finish(self) -> LoopOpinion | None:
        """The opinion on what was collected; ``None`` for nothing or a single frame."""
        frames, self._frames = self._frames, []
        return loop_opinion(frames) if len(frames) > 1 else None


def loop_opinions(diagnoses: Iterable[Diagnosis]) -> Iterator[LoopOpinion]:
    """Opinions on the multi-frame files among diagnoses in the order of :meth:`usnet.diagnosis.Diagnoser.stream`."""
    loops = Loops()
    for diagnosis in diagnoses:
        done = loops.add(diagnosis)
        if done is not None:
            yield done
    last = loops.finish()
    if last is not None:
        yield last


def loop_opinion(frames: Sequence[Diagnosis]) -> LoopOpinion:
    """One opinion from the frames of one loop.

    The worst lasting track speaks for the loop: ``p_malignant`` is the probability of a nodule on its key frame times the track's
    probability of malignancy. Without a lasting track the loop is normal, with the frames' mean probabilities (log-odds).

    Raises
    ------
    DataError
        There is no frame, or frames of several files.
    """
    if not frames or len({d.source for d in frames}) > 1:
        raise DataError(f"frames of {len({d.source for d in frames})} files", expected="the frames of one loop")
    frames = sorted(frames, key=lambda d: d.frame)
    tracks = lasting_tracks(frames)
    by_number = {d.frame: d for d in frames}
    if not tracks:
        p_nodule = mean_log_odds([1 - d.p_normal for d in frames])
        q = mean_log_odds([d.p_malignant / max(1 - d.p_normal, 1e-12) for d in frames])
        label: Label = "normal"
        key = None
    else:
        worst = max(tracks, key=lambda t: t.probability)
        p_nodule, q = 1 - by_number[worst.key_frame].p_normal, worst.probability
        label, key = ("malignant" if any(t.label == "malignant" for t in tracks) else "benign"), worst.key_frame
    p_malignant = p_nodule * q
    first = frames[0]
    return LoopOpinion(
        first.source, len(frames), label, p_nodule - p_malignant, p_malignant, 1 - p_nodule, key, tracks, first.group
    )


def lasting_tracks(frames: Sequence[Diagnosis]) -> tuple[Track, ...]:
    """Tracks that last, numbered from 1 by falling score of their key frame."""
    least = min(LASTING, len(frames))
    threshold = frames[0].operating_point.malignancy
    tracks = [_track(links, threshold) for links in link(frames) if len(links) >= least]
    tracks.sort(key=lambda t: -t.key.score)
    return tuple(replace(track, number=number) for number, track in enumerate(tracks, 1))


Link = tuple[int, Finding]


def link(frames: Sequence[Diagnosis]) -> list[list[Link]]:
    """All chains of (frame number, finding), long and short, in the order in which they began."""
    chains: list[list[Link]] = []
    for diagnosis in frames:
        alive = [c for c in chains if diagnosis.frame - c[-1][0] <= GAP + 1]
        strong = list(diagnosis.findings)
        alive, strong = _extend(alive, strong, diagnosis.frame)
        floor = WEAK * diagnosis.operating_point.detection
        kept = {id(f) for f in diagnosis.findings}
        weak = [
            f for f in diagnosis.candidates if f.score >= floor and id(f) not in kept and f not in diagnosis.findings
        ]
        _extend(alive, weak, diagnosis.frame)
        chains += [[(diagnosis.frame, finding)] for finding in strong]
    return chains


def _extend(alive: list[list[Link]], found: list[Finding], frame: int) -> tuple[list[list[Link]], list[Finding]]:
    """Append each finding to the chain it belongs to; the chains and findings that are left."""
    if not alive or not found:
        return alive, found
    from scipy.optimize import linear_sum_assignment

    overlap = iou_matrix(corners_array([c[-1][1].box for c in alive]), corners_array([f.box for f in found]))
    rows, columns = linear_sum_assignment(-overlap)
    pairs = [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if overlap[r, c] >= OVERLAP]
    for row, column in pairs:
        alive[row].append((frame, found[column]))
    used_rows, used_columns = {r for r, _ in pairs}, {c for _, c in pairs}
    return (
        [chain for i, chain in enumerate(alive) if i not in used_rows],
        [finding for i, finding in enumerate(found) if i not in used_columns],
    )


def _track(links: Sequence[Link], threshold: float) -> Track:
    frames, findings = tuple(n for n, _ in links), tuple(f for _, f in links)
    key = frames[int(np.argmax([f.score for f in findings]))]
    probability = mean_log_odds([f.probability for f in findings])
    return Track(0, frames, findings, key, probability, "malignant" if probability >= threshold else "benign")
