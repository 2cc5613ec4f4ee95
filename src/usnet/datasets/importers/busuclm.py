"""BUS-UCLM (Vallez et al., Scientific Data 2025; 12:242): 683 images of 38 patients from one Siemens S2000.

Layout: ``images/ALWI_000.png``, ``masks/ALWI_000.png`` (RGB: green benign, red malignant, black nothing) and ``INFO.csv`` (UTF-8
with BOM, semicolons: ``Image;Resolution;Label;Doppler;Marks;Combined``). The patient is the name before the underscore. Some
masks have another size than their image. The authors test on five patients: they are fold 2, the rest fold 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from usnet.datasets.importers.common import (
    Collector,
    ImportResult,
    Progress,
    read_table,
    require_folder,
    try_size,
    worst,
)
from usnet.datasets.masks import boxes_from_mask, read_mask
from usnet.errors import UnreadableImage
from usnet.values import LABELS, Label, Nodule, Pathology

COLUMNS = ("Image", "Label", "Doppler", "Marks", "Combined")
FLAGS = ("Doppler", "Marks", "Combined")
TEST_PATIENTS = frozenset({"COPE", "ANFO", "ELCO", "CRCI", "FLKA"})
INFO = {
    "title": "BUS-UCLM: breast ultrasound lesion segmentation dataset",
    "citation": "Vallez N et al. Scientific Data 2025; 12:242. doi 10.17632/7fvgj4jsp7",
    "folds": "fold 2: the five patients that the authors test on; fold 1: the others",
}
DEVICE = "Siemens ACUSON S2000"
CENTER = "UCLM, Spain"


def import_busuclm(source: Path, out: Path, *, link: bool = False, progress: Progress | None = None) -> ImportResult:
    """Import the folder ``source`` as its authors publish it into the dataset folder ``out``.

    The columns Doppler, Marks and Combined are kept in ``info['flags']`` by image name.

    Raises
    ------
    DataError
        The layout is another one, or not one image could be read.
    """
    collector = Collector(source, out, link)
    require_folder(source / "images", "BUS-UCLM with images/, masks/ and INFO.csv")
    rows = list(read_table(source / "INFO.csv", COLUMNS, delimiter=";"))
    flags: dict[str, list[str]] = {}
    for done, (line, row) in enumerate(rows, 1):
        name = row["Image"] if row["Image"].lower().endswith(".png") else f"{row['Image']}.png"
        if _add(collector, name, row["Label"].lower(), line) and (marked := _flags(row)):
            flags[name] = marked
        if progress:
            progress(done, len(rows))
    for flag in FLAGS:
        if count := sum(flag in marked for marked in flags.values()):
            collector.note("INFO.csv", f"{count} images are marked {flag}")
    listed = {row["Image"].removesuffix(".png") for _, row in rows}
    for extra in sorted(p for p in (source / "images").glob("*.png") if p.stem not in listed):
        collector.leave_out(extra, "no row in INFO.csv")
    return collector.finish("bus-uclm", {**INFO, "flags": flags})


def _flags(row: dict[str, str]) -> list[str]:
    return [flag for flag in FLAGS if row[flag].lower() not in ("", "0", "no", "false", "none", "n")]


def _add(collector: Collector, name: str, label: str, line: int) -> bool:
    image = collector.source / "images" / name
    if label not in LABELS:
        collector.leave_out("INFO.csv", f"Label {label!r} of {name}; expected {', '.join(LABELS)}", line)
        return False
    size = try_size(collector, image, line)
    if size is None:
        return False
    try:
        nodules = _nodules(collector, collector.source / "masks" / name, size)
    except UnreadableImage as error:
        collector.leave_out(image, f"masks/{name}: {error.message}", line)
        return False
    drawn: Label | None = worst(nodules) or "normal"
    if drawn != label:
        collector.leave_out(image, f"INFO.csv says {label}, the mask {drawn}", line)
        return False
    patient = image.stem.split("_")[0]
    collector.add(
        image,
        name,
        size,
        drawn,
        nodules,
        patient_id=patient,
        device=DEVICE,
        center=CENTER,
        fold=2 if patient in TEST_PATIENTS else 1,
        source_name=name,
    )
    return True


def _nodules(collector: Collector, path: Path, size: tuple[int, int]) -> list[Nodule]:
    """Green components are benign, red ones malignant."""
    mask, note = read_mask(path, size)
    if note:
        collector.note(path, note)
    red, green = (np.atleast_3d(mask)[..., channel] > 127 for channel in ((0, 1) if mask.ndim == 3 else (0, 0)))
    if both := int((red & green).sum()):
        collector.note(path, f"{both} pixels are neither red nor green: left out")
    nodules: list[Nodule] = []
    kinds: tuple[tuple[Pathology, bool], ...] = (("benign", True), ("malignant", False))
    for pathology, is_green in kinds:
        boxes, specks = boxes_from_mask((green & ~red) if is_green else (red & ~green))
        if specks:
            collector.note(path, f"{specks} {pathology} speck(s) left out")
        nodules += [Nodule(box, pathology) for box in boxes]
    return nodules
