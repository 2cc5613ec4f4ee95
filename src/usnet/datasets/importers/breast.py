"""BrEaST-Lesions-USG (Pawłowska et al., Scientific Data 2024; TCIA doi 10.7937/9WKK-Q141): 256 patients, one image each.

Layout: a folder with ``case001.png``, ``case001_tumor.png``, some ``_other1.png``, and a clinical table (.xlsx) beside it.
``_other`` masks show cysts and implants: they are no nodules. The BI-RADS descriptors that an image record has no field for
are kept in ``info['clinical']`` by image name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from usnet.datasets.importers.common import Collector, ImportResult, Progress, require_folder, try_size
from usnet.datasets.masks import boxes_from_mask, foreground, read_mask
from usnet.errors import DataError, UnreadableImage
from usnet.values import LABELS, Nodule

COLUMNS = (
    "CaseID",
    "Image_filename",
    "Mask_tumor_filename",
    "Pixel_size",
    "Age",
    "BIRADS",
    "Diagnosis",
    "Classification",
)
FIELDS = (*COLUMNS, "Mask_other_filename")
INFO = {
    "title": "BrEaST-Lesions-USG",
    "citation": "Pawłowska A et al. Scientific Data 2024; 11:148. doi 10.1038/s41597-024-02984-z; TCIA doi 10.7937/9WKK-Q141",
}
CENTER = "Poland, several hospitals"
UNKNOWN = ("not available", "not applicable", "")


def import_breast(source: Path, out: Path, *, link: bool = False, progress: Progress | None = None) -> ImportResult:
    """Import the folder ``source`` (images and the clinical .xlsx) into the dataset folder ``out``.

    Raises
    ------
    DataError
        The table is missing or lacks columns, or not one image could be read.
    """
    collector = Collector(source, out, link)
    require_folder(source, "BrEaST with case001.png ... and the clinical .xlsx")
    table, rows = _clinical(source)
    clinical: dict[str, dict[str, str]] = {}
    for done, (line, row) in enumerate(rows, 1):
        if _add(collector, source, table, row, line):
            clinical[row["Image_filename"]] = _others(row)
        if progress:
            progress(done, len(rows))
    return collector.finish("breast-lesions-usg", {**INFO, "clinical": clinical})


def _clinical(source: Path) -> tuple[Path, list[tuple[int, dict[str, Any]]]]:
    """The clinical table: its path, and (row number, values) a case. Texts are stripped, unknowns ``None``."""
    from openpyxl import load_workbook

    tables = sorted(p for p in source.rglob("*.xlsx") if not p.name.startswith("~"))
    if not tables:
        raise DataError("no clinical table (.xlsx)", source=source)
    try:
        sheet = load_workbook(tables[0], read_only=True, data_only=True).worksheets[0]
        lines = list(sheet.iter_rows(values_only=True))
    except Exception as error:  # openpyxl lets zip, XML and key errors through
        raise DataError(f"not readable as .xlsx ({error})", source=tables[0]) from error
    header = [str(h).strip() for h in lines[0]] if lines else []
    missing = [c for c in COLUMNS if c not in header]
    if missing:
        raise DataError(f"no column {', '.join(missing)}", source=tables[0], row=1)
    rows = [(n, dict(zip(header, map(_known, line), strict=False))) for n, line in enumerate(lines[1:], 2)]
    return tables[0], [(n, row) for n, row in rows if row["Image_filename"]]


def _known(value: object) -> object:
    if isinstance(value, str):
        value = value.strip()
    return None if value in UNKNOWN else value


def _add(collector: Collector, source: Path, table: Path, row: dict[str, Any], line: int) -> bool:
    label = row["Classification"]
    if label not in LABELS:
        collector.leave_out(table, f"Classification {label!r}; expected {', '.join(LABELS)}", line)
        return False
    image = _find(source, row["Image_filename"])
    size = try_size(collector, image, line)
    if size is None:
        return False
    own = _own(collector, table, row, line, image)
    try:
        nodules = _nodules(collector, source, row, size, own)
    except UnreadableImage as error:
        collector.leave_out(image, f"{Path(error.source or '').name}: {error.message}", line)
        return False
    if bool(nodules) == (label == "normal"):
        collector.leave_out(image, f"the table says {label}, the mask holds {len(nodules)} lesions", line)
        return False
    collector.add(image, image.name, size, label, nodules, **own)
    return True


def _own(collector: Collector, table: Path, row: dict[str, Any], line: int, image: Path) -> dict[str, Any]:
    pixel_cm, age = row["Pixel_size"], row["Age"]
    for name, value in (("Pixel_size", pixel_cm), ("Age", age)):
        if value is not None and not (isinstance(value, int | float) and value > 0):
            collector.note(table, f"{name} {value!r} is no positive number: taken as unknown", line)
    spacing = float(pixel_cm) * 10 if isinstance(pixel_cm, int | float) and pixel_cm > 0 else None
    return {
        "patient_id": f"breast_{int(row['CaseID']):03d}" if isinstance(row["CaseID"], int | float) else image.stem,
        "age": float(age) if isinstance(age, int | float) and age > 0 else None,
        "birads": None if row["BIRADS"] is None else str(row["BIRADS"]),
        "histology": row["Diagnosis"],
        "diagnosis": row.get("Interpretation"),
        "center": CENTER,
        "spacing_mm": None if spacing is None else (spacing, spacing),
        "source_name": image.name,
    }


def _nodules(
    collector: Collector, source: Path, row: dict[str, Any], size: tuple[int, int], own: dict[str, Any]
) -> list[Nodule]:
    names = [name for name in (row["Mask_tumor_filename"] or "").split("&") if name]
    nodules: list[Nodule] = []
    for name in names:
        pixels, note = read_mask(_find(source, name), size)
        boxes, specks = boxes_from_mask(foreground(pixels))
        for remark in filter(None, (note, f"{specks} speck(s) left out" if specks else None)):
            collector.note(name, remark)
        for box in boxes:
            number = f"{own['patient_id']}_{len(nodules) + 1}"
            nodules.append(Nodule(box, row["Classification"], number, own["birads"], own["histology"]))
    return nodules


def _find(source: Path, name: str) -> Path:
    """The file ``name`` in ``source`` or one folder below."""
    return next((p for p in (source / name, *source.glob(f"*/{name}")) if p.is_file()), source / name)


def _others(row: dict[str, Any]) -> dict[str, str]:
    """Columns that an image record has no field for (composition, shape, margin, verification ...), where known."""
    return {k: str(v) for k, v in row.items() if k not in FIELDS and k != "Interpretation" and v is not None}
