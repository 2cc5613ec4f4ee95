"""How well a contour found inside the true box, and the plain ellipse in it, cover the mask that experts drew (Dice).

    python benchmarks/contours.py busbra BUSBRA/Masks --split test --every 3

For BUS-BRA, whose masks are called ``mask_X.png`` for ``bus_X.png``. The contour's two weights were chosen on training images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from usnet import images
from usnet.datasets.masks import foreground, read_mask
from usnet.datasets.records import load
from usnet.descriptors import Contour, find_contour
from usnet.descriptors.contour import angles
from usnet.statistics.bootstrap import cluster_bootstrap, weighted_mean
from usnet.values import Box


def ellipse(box: Box) -> Contour:
    """The ellipse inscribed in a box."""
    centre = (box.x + box.width / 2, box.y + box.height / 2)
    across, down = np.cos(angles()) * box.width / 2, np.sin(angles()) * box.height / 2
    return Contour(np.stack([centre[0] + across, centre[1] + down], axis=1), centre)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Twice the shared pixels over the sum of both."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args()
    dataset = load(asked.data)
    records = [r for r in dataset.records if r.split == asked.split and len(r.nodules) == 1][:: asked.every]
    rows = []
    for record in records:
        pixels = images.read(dataset.path(record)).pixels
        name = record.file_name.replace("bus_", "mask_")
        truth = foreground(read_mask(asked.masks / name, (record.width, record.height))[0])
        box = record.nodules[0].box
        rows.append([dice(c.mask(pixels.shape), truth) for c in (find_contour(pixels, box), ellipse(box))])
    table, groups = np.array(rows), [r.group for r in records]
    for name, column in zip(("contour", "ellipse"), table.T, strict=True):
        interval = cluster_bootstrap(weighted_mean(column), groups).interval()
        limits = "" if interval is None else f" ({interval.low:.3f} to {interval.high:.3f})"
        low, middle = np.percentile(column, [5, 50])
        print(f"{name}: mean Dice {column.mean():.3f}{limits}, median {middle:.3f}, 5th percentile {low:.3f}")
    print(f"{len(records)} images of {len(set(groups))} groups, split {asked.split}")


if __name__ == "__main__":
    main()
