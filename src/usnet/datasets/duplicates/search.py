"""Images that show the same frame."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

from usnet.datasets.duplicates.align import Alignment, align
from usnet.datasets.duplicates.candidates import candidates
from usnet.datasets.duplicates.descriptor import Descriptor, describe
from usnet.datasets.parallel import Progress, each
from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import UnreadableImage
from usnet.images import read

Kind = Literal["exact", "duplicate", "near"]

log = logging.getLogger(__name__)

SAME = 0.6
"""Correlation of fine structure from which two pictures are one frame. In public sets true copies reach 0.64 to 1, other views of
the same lesion at most 0.55."""
NEAR = 0.47
"""Correlation from which pictures are neighbours in one sweep of the probe, if they also fill the same field of view."""
NEAR_OVERLAP = 0.8


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two images of one frame.

    ``first < second`` are image ids. ``kind``: ``exact`` = the same pixels; ``duplicate`` = the same frame after cropping, scaling,
    other gain, compression or marks; ``near`` = neighbouring frames of one sweep. ``similarity`` is the correlation of the aligned
    fine structure (1 for exact). ``label_conflict``: both labels are known and differ.
    """

    first: int
    second: int
    kind: Kind
    similarity: float
    label_conflict: bool


def find_duplicates(
    dataset: Dataset, *, jobs: int | None = None, progress: Progress | None = None
) -> list[DuplicatePair]:
    """Exact, duplicate and near-duplicate pairs of a dataset, by image id.

    Images that cannot be read are skipped with a logged warning. Zoom up to 1.5, cropping to about two thirds, gain, gamma, JPEG
    and burned-in marks are seen through; mirrored and rotated copies are not.

    Parameters
    ----------
    jobs
        Processes; by default one a usable core.
    progress
        Called with (steps done, steps known so far): first a step an image, then a step a candidate pair.
    """
    paths = [dataset.path(record) for record in dataset.records]
    found = list(each(_describe_file, paths, jobs=jobs, progress=progress))
    return pair_up(dataset.records, found, jobs=jobs, progress=progress)


def _describe_file(path: Path) -> Descriptor | None:
    try:
        return describe(read(path).pixels)
    except UnreadableImage as error:
        log.warning("left out of the search for duplicates: %s", error)
        return None


def pair_up(
    records: Sequence[ImageRecord],
    descriptors: Sequence[Descriptor | None],
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> list[DuplicatePair]:
    """Pairs among described images (``None`` = could not be read; blank pictures resemble nothing)."""
    usable = [(r, d) for r, d in zip(records, descriptors, strict=True) if d is not None and not d.blank]
    known = [d for _, d in usable]
    matched: dict[tuple[int, int], tuple[Kind, float]] = dict.fromkeys(_exact(known), ("exact", 1.0))
    rest = [c for c in candidates(known) if (c.first, c.second) not in matched]
    tasks = [(known[c.first], known[c.second], c.shift) for c in rest]
    for candidate, alignment in zip(
        rest, each(_align, tasks, jobs=jobs, progress=progress, before=len(records)), strict=True
    ):
        kind = _kind(alignment)
        if kind is not None:
            matched[candidate.first, candidate.second] = (kind, min(1.0, alignment.correlation))
    pairs = [_pair(usable[i][0], usable[j][0], *found) for (i, j), found in matched.items()]
    return sorted(pairs, key=lambda p: (p.first, p.second))


def _exact(descriptors: Sequence[Descriptor]) -> list[tuple[int, int]]:
    same: dict[str, list[int]] = defaultdict(list)
    for position, descriptor in enumerate(descriptors):
        same[descriptor.digest].append(position)
    return [pair for positions in same.values() for pair in combinations(positions, 2)]


def _align(task: tuple[Descriptor, Descriptor, int]) -> Alignment:
    return align(*task)


def _kind(alignment: Alignment) -> Kind | None:
    if alignment.correlation >= SAME:
        return "duplicate"
    if alignment.correlation >= NEAR and alignment.overlap >= NEAR_OVERLAP:
        return "near"
    return None


def _pair(a: ImageRecord, b: ImageRecord, kind: Kind, similarity: float) -> DuplicatePair:
    first, second = sorted((a.image_id, b.image_id))
    conflict = a.label is not None and b.label is not None and a.label != b.label
    return DuplicatePair(first, second, kind, similarity, conflict)
