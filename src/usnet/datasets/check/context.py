"""What every check looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from usnet.anchors import AnchorSpec
from usnet.datasets.check.report import Severity
from usnet.datasets.duplicates.descriptor import Descriptor, describe
from usnet.datasets.duplicates.search import DuplicatePair
from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import UnreadableImage
from usnet.images import read
from usnet.values import Flag


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What one decoding of an image file told: ``error`` where it failed, else its size in pixels, flags and descriptor."""

    error: str | None = None
    width: int = 0
    height: int = 0
    flags: frozenset[Flag] = frozenset()
    descriptor: Descriptor | None = None


def inspect(path: Path) -> ImageFacts:
    """Decode an image once and keep what the checks need."""
    try:
        frame = read(path)
    except UnreadableImage as error:
        return ImageFacts(error=error.message)
    return ImageFacts(None, frame.width, frame.height, frame.flags, describe(frame.pixels))


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its 1-based row in ``dataset.json``, its record, and what its file told."""

    row: int
    record: ImageRecord
    facts: ImageFacts

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the file, or as recorded where the file cannot be read."""
        if self.facts.error is None:
            return self.facts.width, self.facts.height
        return self.record.width, self.record.height

    @property
    def harm(self) -> Severity:
        """Severity of a harmful fault: nobody trains on an excluded image."""
        return "note" if self.record.exclude else "error"


@dataclass(frozen=True, slots=True)
class Context:
    """A dataset, its images and their duplicate pairs (by position in ``items``: ids may be repeated).

    ``skipped`` are files whose row cannot be read; ``demand_split``: every image must be in a split.
    """

    dataset: Dataset
    items: tuple[Item, ...]
    pairs: tuple[DuplicatePair, ...]
    anchors: AnchorSpec
    skipped: frozenset[str] = frozenset()
    demand_split: bool = False

    def paired(self) -> Iterator[tuple[DuplicatePair, Item, Item]]:
        """Every duplicate pair with its two images."""
        for pair in self.pairs:
            yield pair, self.items[pair.first], self.items[pair.second]
