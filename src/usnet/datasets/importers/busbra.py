"""BUS-BRA (Gómez-Flores et al., Medical Physics 2024; 51:3110): 1875 images of 1064 patients, two views of most lesions.

Layout: ``Images/bus_0001-l.png``, ``Masks/mask_0001-l.png``, ``bus_data.csv``, ``5-fold-cv.csv``. Boxes come from the masks: the
table's ``BBOX`` (1-based, MATLAB) and its ``Width``/``Height`` are only compared, and each difference becomes a note.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from usnet.datasets.importers.common import (
    Collector,
    ImportResult,
    Progress,
    number,
    read_table,
    require_folder,
    try_size,
)
from usnet.datasets.masks import boxes_from_mask, foreground, read_mask
from usnet.errors import UnreadableImage
from usnet.values import Box, Nodule, Pathology

COLUMNS = ("ID", "Case", "Histology", "Pathology", "BIRADS", "Device", "Width", "Height", "Side", "BBOX")
INFO = {
    "title": "BUS-BRA: breast ultrasound dataset for assessing computer-aided diagnosis systems",
    "citation": "Gómez-Flores W, Gregorio-Calas MJ, Pereira WCA. Medical Physics 2024; 51:3110. doi 10.1002/mp.16812",
    "licence": "see LICENSE.txt of the source",
}
CENTER = "INCA Rio de Janeiro"


def import_busbra(source: Path, out: Path, *, link: bool = False, progress: Progress | None = None) -> ImportResult:
    """Import the folder ``source`` as its authors publish it into the dataset folder ``out``.

    Raises
    ------
    DataError
        The layout is another one, or not one image could be read.
    """
    collector = Collector(source, out, link)
    require_folder(source / "Images", "BUS-BRA with Images/, Masks/ and bus_data.csv")
    table = source / "bus_data.csv"
    rows = list(read_table(table, COLUMNS))
    folds = _folds(collector, source / "5-fold-cv.csv")
    for done, (number_, row) in enumerate(rows, 1):
        _add(collector, source, row, number_, folds.get(row["ID"]))
        if progress:
            progress(done, len(rows))
    listed = {row["ID"] for _, row in rows}
    for extra in sorted(p for p in (source / "Images").iterdir() if p.stem not in listed):
        collector.leave_out(extra, "no row in bus_data.csv")
    return collector.finish("bus-bra", INFO)


def _folds(collector: Collector, path: Path) -> dict[str, int]:
    if not path.is_file():
        collector.note(path, "missing: no official folds")
        return {}
    return {row["ID"]: int(fold) for _, row in read_table(path, ("ID", "kFold")) if (fold := number(row["kFold"]))}


def _add(collector: Collector, source: Path, row: dict[str, str], line: int, fold: int | None) -> None:
    table = source / "bus_data.csv"
    image = source / "Images" / f"{row['ID']}.png"
    if row["Pathology"] not in get_args(Pathology):
        collector.leave_out(table, f"Pathology {row['Pathology']!r} of {row['ID']}; expected benign or malignant", line)
        return
    size = try_size(collector, image, None)
    if size is None:
        return
    mask = source / "Masks" / f"mask_{row['ID'].removeprefix('bus_')}.png"
    try:
        pixels, note = read_mask(mask, size)
    except UnreadableImage as error:
        collector.leave_out(image, f"{mask.name}: {error.message}")
        return
    boxes, specks = boxes_from_mask(foreground(pixels))
    if not boxes:
        collector.leave_out(image, f"{mask.name} is empty, the table says {row['Pathology']}")
        return
    remarks = [note, f"{specks} speck(s) in the mask left out" if specks else None]
    remarks += _compare(row, size, boxes)
    for remark in filter(None, remarks):
        collector.note(image.name, remark, line)
    own = _own(row)
    nodules = [
        Nodule(box, row["Pathology"], own["patient_id"], own["birads"], own["histology"])  # type: ignore[arg-type]
        for box in boxes
    ]
    collector.add(image, image.name, size, row["Pathology"], nodules, fold=fold, source_name=image.name, **own)  # type: ignore[arg-type]


def _own(row: dict[str, str]) -> dict[str, Any]:
    case = number(row["Case"])
    return {
        "patient_id": None if case is None else f"busbra_{int(case):04d}",
        "view": row["Side"] or None,
        "device": row["Device"] or None,
        "center": CENTER,
        "birads": row["BIRADS"] or None,
        "histology": row["Histology"] or None,
    }


def _compare(row: dict[str, str], size: tuple[int, int], boxes: list[Box]) -> list[str]:
    """Where the table and the pixels differ."""
    found = []
    if (number(row["Width"]), number(row["Height"])) != size:
        found.append(f"the table says {row['Width']} x {row['Height']}, the image is {size[0]} x {size[1]}")
    try:
        x, y, width, height = (float(v) for v in json.loads(row["BBOX"]))
    except (TypeError, ValueError):
        return [*found, f"BBOX {row['BBOX']!r} is no box"]
    corners = [b.corners for b in boxes]
    drawn = Box.from_corners(*(f(c[i] for c in corners) for i, f in enumerate((min, min, max, max))))
    listed = Box(x - 1, y - 1, width + 1, height + 1)
    if listed != drawn:
        found.append(f"BBOX is {listed.as_list()} (0-based), the mask says {drawn.as_list()}: the mask is taken")
    return found
