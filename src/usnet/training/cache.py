"""Training images in memory: letterboxed once to bytes, with their boxes in network pixels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from usnet import images
from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import DataError
from usnet.models.matching import PADDING, UNKNOWN
from usnet.values import corners_array

logger = logging.getLogger(__name__)
_CLASSES = {"benign": 0, "malignant": 1, None: UNKNOWN}


@dataclass(frozen=True, slots=True)
class Cache:
    """``pixels uint8 [N, S, S]``; ``boxes float32 [N, M, 4]`` corners in network pixels and ``classes int64 [N, M]``, padded;
    ``labels`` and ``groups`` a string an image."""

    pixels: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def build_cache(
    datasets: Sequence[tuple[Dataset, Sequence[ImageRecord]]],
    size: int,
    mode: Literal["letterbox", "stretch"],
    *,
    jobs: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Cache:
    """Read and letterbox the given records of each dataset.

    Images that are neither labelled nor annotated are unknown, not normal, and are left out with a log line.

    Raises
    ------
    UnreadableImage
        An image cannot be read: training on part of the data would not be what was asked for.
    DataError
        No image is left, or a label contradicts its boxes.
    """
    wanted = [(d.path(r), r, f"{d.name}/{r.group}") for d, records in datasets for r in records if _usable(r, d)]
    if not wanted:
        raise DataError("no labelled image to train on", hint="Look at 'usnet data describe'")
    paths = [path for path, _, _ in wanted]
    records = [record for _, record, _ in wanted]
    slots = max(1, max(len(r.nodules) for r in records))
    pixels = np.zeros((len(records), size, size), dtype=np.uint8)
    boxes = np.zeros((len(records), slots, 4), dtype=np.float32)
    classes = np.full((len(records), slots), PADDING, dtype=np.int64)
    with ProcessPoolExecutor(jobs) as pool:
        rows = pool.map(_prepare, paths, records, repeat(size), repeat(mode), chunksize=16)
        for i, (image, corners) in enumerate(rows):
            pixels[i] = image
            boxes[i, : len(corners)] = corners
            classes[i, : len(corners)] = [_CLASSES[n.pathology] for n in records[i].nodules]
            if progress:
                progress(i + 1, len(records))
    return Cache(pixels, boxes, classes, tuple(str(r.label) for r in records), tuple(group for _, _, group in wanted))


def _usable(record: ImageRecord, dataset: Dataset) -> bool:
    if record.label is None and not record.nodules:
        logger.warning("%s: no label and no nodule, left out", dataset.path(record))
        return False
    if record.label in ("benign", "malignant") and not record.nodules:
        raise DataError(f"labelled {record.label} but has no box", source=dataset.path(record), hint="usnet data check")
    if record.label == "normal" and record.nodules:
        raise DataError("labelled normal but has a box", source=dataset.path(record), hint="Run 'usnet data check'")
    return True


def _prepare(
    path: Path, record: ImageRecord, size: int, mode: Literal["letterbox", "stretch"]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    frame = images.read(path)
    image, transform = images.letterbox_uint8(frame.pixels, size, mode)
    corners = transform.to_network(corners_array([n.box for n in record.nodules]))
    return image, corners.astype(np.float32)
