"""A balanced draw: the same number of images of every class, as the paper's 1:1:1 sample (Li et al. 2020)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from usnet.datasets.importers.common import place_image, require_empty
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.errors import ConfigError, DataError
from usnet.values import LABELS


def draw_balanced(dataset: Dataset, per_class: int, seed: int = 0) -> Dataset:
    """``per_class`` images of every label that the dataset holds, from as many groups as there are.

    A second image of a group is drawn only when every group of the class has given one. Excluded images are not drawn.

    Raises
    ------
    ConfigError
        ``per_class`` is not positive.
    DataError
        A class has fewer images.
    """
    if per_class < 1:
        raise ConfigError(f"{per_class} images per class", expected="at least 1")
    usable = dataset.select().records
    pools = {label: [r for r in usable if r.label == label] for label in LABELS}
    short = [f"{len(pool)} {label}" for label, pool in pools.items() if 0 < len(pool) < per_class]
    if short or not any(pools.values()):
        raise DataError(
            f"only {', '.join(short) or 'unlabelled'} images", source=dataset.root, expected=f"{per_class} a class"
        )
    generator = np.random.default_rng(seed)
    chosen = {r.image_id for pool in pools.values() for r in _round_robin(pool, generator)[:per_class]}
    info = {**dataset.info, "sample": {"per_class": per_class, "seed": seed, "of": dataset.name}}
    return replace(dataset.with_records(r for r in dataset.records if r.image_id in chosen), info=info)


def _round_robin(pool: list[ImageRecord], generator: np.random.Generator) -> list[ImageRecord]:
    """Seeded random order in which every group shows its first image before any shows its second."""
    shuffled = [pool[i] for i in generator.permutation(len(pool))]
    seen: dict[str, int] = defaultdict(int)
    turns: list[tuple[int, int]] = []
    for position, record in enumerate(shuffled):
        turns.append((seen[record.group], position))
        seen[record.group] += 1
    return [shuffled[position] for _, position in sorted(turns)]


def write_copy(dataset: Dataset, out: Path, *, link: bool = False) -> Dataset:
    """Write the records of ``dataset`` and their image files to the new folder ``out``.

    Raises
    ------
    DataError
        ``out`` is not empty, or an image file is missing.
    """
    require_empty(out)
    for record in dataset.records:
        source = dataset.path(record)
        if not source.is_file():
            raise DataError("image file is missing", source=source, hint="See 'usnet data check'")
        place_image(source, out / "images" / record.file_name, link)
    copied = replace(dataset, root=out)
    save(copied)
    return copied
