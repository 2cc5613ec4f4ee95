"""BUSI (Al-Dhabyani et al., Data in Brief 2020; 28:104863): 780 images in class folders, no patient ids published.

Layout: ``benign/benign (1).png`` with ``benign (1)_mask.png`` and sometimes ``_mask_1.png``, ``_mask_2.png``; likewise
``malignant/`` and ``normal/`` (empty masks). A mask file may hold several lesions: one nodule per component.
Neither patients nor devices are known per image; every patient is a woman (the paper says so).
"""

from __future__ import annotations

import re
from pathlib import Path

from usnet.datasets.importers.common import Collector, ImportResult, Progress, require_folder, try_size
from usnet.datasets.masks import SPECK_PIXELS, boxes_from_mask, foreground, read_mask
from usnet.errors import DataError, UnreadableImage
from usnet.values import LABELS, Box, Label, Nodule, Pathology

INFO = {
    "title": "BUSI: dataset of breast ultrasound images",
    "citation": "Al-Dhabyani W, Gomaa M, Khaled H, Fahmy A. Data in Brief 2020; 28:104863. doi 10.1016/j.dib.2019.104863",
    "devices": "LOGIQ E9 and LOGIQ E9 Agile, not told apart per image",
    "patients": "about 600 women, ids not published",
}
CENTER = "Baheya Hospital Cairo"
ORIGINAL_SIDE = 500.0
"""Average side of the published images in pixels: scales the speck limit where a copy was scaled down."""


def import_busi(source: Path, out: Path, *, link: bool = False, progress: Progress | None = None) -> ImportResult:
    """Import the folder ``source`` with ``benign/``, ``malignant/`` and ``normal/`` into the dataset folder ``out``.

    Raises
    ------
    DataError
        No class folder is there, or not one image could be read.
    """
    collector = Collector(source, out, link)
    require_folder(source, "BUSI with benign/, malignant/ and normal/")
    classes = [label for label in LABELS if (source / label).is_dir()]
    if not classes:
        raise DataError("no class folder", source=source, expected="benign/, malignant/ and normal/")
    images = [(label, path) for label in classes for path in _images(source / label)]
    for done, (label, path) in enumerate(images, 1):
        _add(collector, path, label)
        if progress:
            progress(done, len(images))
    for label in set(LABELS) - set(classes):
        collector.leave_out(source / label, "no such class folder")
    return collector.finish("busi", INFO)


def _images(folder: Path) -> list[Path]:
    """Image files in the order of their numbers; masks left out."""
    files = [p for p in folder.glob("*.png") if "_mask" not in p.stem]
    return sorted(files, key=lambda p: (int("".join(re.findall(r"\d+", p.stem)) or 0), p.name))


def _masks(image: Path) -> list[Path]:
    return sorted(
        p for p in image.parent.glob("*.png") if re.fullmatch(re.escape(image.stem) + r"_mask(_\d+)?", p.stem)
    )


def _add(collector: Collector, image: Path, label: Label) -> None:
    size = try_size(collector, image)
    if size is None:
        return
    try:
        boxes = _boxes(collector, image, size)
    except UnreadableImage as error:
        collector.leave_out(image, f"{Path(error.source or '').name}: {error.message}")
        return
    if bool(boxes) == (label == "normal"):
        collector.leave_out(image, f"the folder says {label}, the masks hold {len(boxes)} lesions")
        return
    pathology: Pathology | None = None if label == "normal" else label
    nodules = [Nodule(box, pathology) for box in boxes]
    collector.add(image, image.name, size, label, nodules, center=CENTER, sex="female", source_name=image.name)


def _boxes(collector: Collector, image: Path, size: tuple[int, int]) -> list[Box]:
    """Boxes of all mask files. The same box drawn in two files counts once."""
    limit = max(2.0, SPECK_PIXELS * min(1.0, max(size) / ORIGINAL_SIDE) ** 2)
    boxes: list[Box] = []
    for mask in _masks(image):
        pixels, note = read_mask(mask, size)
        found, specks = boxes_from_mask(foreground(pixels), limit)
        if note:
            collector.note(mask, note)
        if specks:
            collector.note(mask, f"{specks} speck(s) below {limit:.0f} pixels left out")
        boxes += [box for box in found if box not in boxes]
    return boxes
