"""Training crops in memory: a square around each true nodule with room to move, as bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet import images
from usnet.datasets.records import Dataset, Split
from usnet.diagnosis.crops import crop, window
from usnet.errors import DataError
from usnet.models.second_look import BIRADS_STEPS
from usnet.training.second_look.config import LookRunConfig
from usnet.values import PATHOLOGIES, Box


@dataclass(frozen=True, slots=True)
class Crops:
    """``pixels uint8 [N, C, C]``, each a square centred on a nodule; ``extents float32 [N, 2]`` the nodule's width and height as
    shares of its square; ``targets float32 [N, 1 + len(BIRADS_STEPS)]`` malignancy and BI-RADS steps, NaN where unknown;
    ``labels`` and ``groups`` a string a crop."""

    pixels: npt.NDArray[np.uint8]
    extents: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def stored_size(config: LookRunConfig) -> int:
    """Side of the stored crop, at the same scale as the plain one."""
    return round(config.network.size * config.jitter.reach)


def build_crops(
    datasets: Sequence[Dataset],
    split: Split,
    config: LookRunConfig,
    progress: Callable[[int, int], None] | None = None,
) -> Crops:
    """A crop of every nodule with a known pathology in a split.

    Raises
    ------
    DataError
        There is no benign or no malignant nodule.
    UnreadableImage
        An image cannot be read.
    """
    size, reach = stored_size(config), config.jitter.reach
    margin = reach * (0.5 + config.network.margin) - 0.5
    records = [(d, r) for d in datasets for r in d.select(split).records]
    pixels, extents, targets, labels, groups = [], [], [], [], []
    for number, (dataset, record) in enumerate(records, 1):
        nodules = [n for n in record.nodules if n.pathology is not None and n.box.area > 0]
        if nodules:
            frame = images.read(dataset.path(record)).pixels
        for nodule in nodules:
            square = window(nodule.box, margin)
            pixels.append(crop(frame, square, size))
            extents.append((nodule.box.width / square.width, nodule.box.height / square.height))
            targets.append(_targets(str(nodule.pathology), nodule.birads or record.birads))
            labels.append(str(nodule.pathology))
            groups.append(f"{dataset.name}/{record.group}")
        if progress:
            progress(number, len(records))
    for kind in PATHOLOGIES:
        if kind not in labels:
            raise DataError(f"no {kind} nodule in split {split!r}", hint="Run 'usnet data split' with --val")
    return Crops(
        np.stack(pixels),
        np.array(extents, dtype=np.float32),
        np.array(targets, dtype=np.float32),
        tuple(labels),
        tuple(groups),
    )


def _targets(pathology: str, birads: str | None) -> list[float]:
    """BI-RADS counts where it is an assessment after imaging, 2 to 5 with or without a letter."""
    grade = int(birads[0]) if birads and birads[0] in "2345" else None
    steps = [float("nan") if grade is None else float(grade >= step) for step in BIRADS_STEPS]
    return [float(pathology == "malignant"), *steps]


def plain_box(extent: npt.NDArray[np.float32], config: LookRunConfig) -> Box:
    """The true box in pixels of the stored crop."""
    size = stored_size(config)
    width, height = (float(v) * size for v in extent)
    return Box((size - width) / 2, (size - height) / 2, width, height)
