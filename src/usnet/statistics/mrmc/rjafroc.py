"""The xlsx layout of R's RJafroc: sheets TP, FP and TRUTH."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from usnet.errors import DataError
from usnet.statistics.mrmc.study import DuplicateReading, Reading, Study

SHEETS = {
    "TP": ("ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"),
    "FP": ("ReaderID", "ModalityID", "CaseID", "FP_Rating"),
    "TRUTH": ("CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"),
}


def read_rjafroc(path: Path) -> Study:
    """Study from an xlsx file of the ROC or the FROC paradigm.

    ROC: the rating of a diseased case stands in sheet TP, of any other in FP. FROC: a case scores as its highest mark (the
    inferred ROC of Chakraborty), and minus infinity where it has none.

    Raises
    ------
    DataError
        The file or a sheet or a column is missing, or a rating is no number.
    """
    sheets = _sheets(path)
    truth: dict[str, bool] = {}
    readers: dict[str, list[str]] = {}
    modalities: dict[str, list[str]] = {}
    words = [word for row in sheets["TRUTH"] if (word := _text(row.get("PARADIGM")).upper())]
    paradigm = words[0] if words else "ROC"  # the second filled cell names the design: FCTRL or SPLIT-PLOT
    for row in sheets["TRUTH"]:
        case, lesion = _text(row["CASEID"]), _text(row["LESIONID"])
        truth[case] = truth.get(case, False) or lesion not in ("0", "")
        readers[case], modalities[case] = _list(row["READERID"]), _list(row["MODALITYID"])
    best: dict[tuple[str, str, str], float] = {}
    for sheet in ("TP", "FP"):
        for number, row in enumerate(sheets[sheet], start=2):
            key = (_text(row["MODALITYID"]), _text(row["READERID"]), _text(row["CASEID"]))
            _check_mark(key[2], sheet, truth, paradigm, path, number)
            if key in best and paradigm != "FROC":
                raise DuplicateReading(f"reader {key[1]} rated case {key[2]} twice", source=path, row=number)
            rating = _rating(row[f"{sheet}_RATING"], path, number)
            best[key] = max(best.get(key, rating), rating)
    if paradigm == "FROC":
        for case, label_readers in readers.items():
            for modality in modalities[case]:
                for reader in label_readers:
                    best.setdefault((modality, reader, case), float("-inf"))
    return Study.from_readings((Reading(r, m, c, truth[c], value) for (m, r, c), value in best.items()), str(path))


def write_rjafroc(study: Study, path: Path) -> None:
    """Write the ROC paradigm. RJafroc wants whole numbers as names, so readers, modalities and cases are numbered from 1 in the
    study's order; a sheet NAMES tells which is which."""
    from openpyxl import Workbook

    book = Workbook()
    rows: dict[str, list[tuple[object, ...]]] = {"TP": [], "FP": [], "TRUTH": []}
    kinds = {"reader": study.readers, "modality": study.modalities, "case": study.cases}
    number = {kind: {name: i for i, name in enumerate(names, start=1)} for kind, names in kinds.items()}
    for one in study.rows():
        key = (number["reader"][one.reader], number["modality"][one.modality], number["case"][one.case])
        if one.truth:
            rows["TP"].append((*key, 1, one.score))
        else:
            rows["FP"].append((*key, one.score))
    read = study.read
    for k, label in enumerate(study.truth):
        who = ", ".join(str(j + 1) for j in range(len(study.readers)) if read[:, j, k].any())
        where = ", ".join(str(i + 1) for i in range(len(study.modalities)) if read[i, :, k].any())
        rows["TRUTH"].append(
            (k + 1, int(label), int(label), who, where, "ROC" if k == 0 else "FCTRL" if k == 1 else None)
        )
    book.remove(book.active)
    for sheet, heading in SHEETS.items():
        page = book.create_sheet(sheet)
        page.append(heading)
        for line in rows[sheet]:
            page.append(line)
    page = book.create_sheet("NAMES")
    page.append(("Kind", "Number", "Name"))
    for kind, places in number.items():
        for name, place in places.items():
            page.append((kind, place, name))
    book.save(path)


def _sheets(path: Path) -> dict[str, list[dict[str, Any]]]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises many kinds for files that are no workbook
        raise DataError(f"cannot be read as xlsx: {error}", source=path) from error
    pages = {page.title.strip().upper(): page for page in book.worksheets}
    found = {}
    for sheet, columns in SHEETS.items():
        if sheet not in pages:
            raise DataError(f"no sheet {sheet}", source=path, expected="sheets TP, FP and TRUTH")
        found[sheet] = list(_records(pages[sheet].iter_rows(values_only=True), columns, f"{path}, sheet {sheet}"))
    names = pages.get("NAMES")
    return _rename(found, list(names.iter_rows(min_row=2, values_only=True))) if names is not None else found


def _records(rows: Iterator[tuple[Any, ...]], columns: tuple[str, ...], source: str) -> Iterator[dict[str, Any]]:
    heading = [_text(cell).upper() for cell in next(rows, ())]
    for column in columns:
        if column.upper() not in heading and column != "Paradigm":
            raise DataError(f"no column {column}", source=source, expected=", ".join(columns))
    for row in rows:
        if any(cell is not None for cell in row):
            yield dict(zip(heading, row, strict=False))


def _rename(sheets: dict[str, list[dict[str, Any]]], names: list[tuple[Any, ...]]) -> dict[str, list[dict[str, Any]]]:
    """Names that :func:`write_rjafroc` put aside, back in place of the numbers."""
    known = {(_text(kind), _text(number)): _text(name) for kind, number, name in names}
    columns = {"READERID": "reader", "MODALITYID": "modality", "CASEID": "case"}
    for rows in sheets.values():
        for row in rows:
            for column, kind in columns.items():
                listed = [known.get((kind, part), part) for part in _list(row.get(column))]
                row[column] = listed if len(listed) > 1 else listed[0] if listed else ""
    return sheets


def _check_mark(case: str, sheet: str, truth: dict[str, bool], paradigm: str, path: Path, row: int) -> None:
    where = f"{path}, sheet {sheet}"
    if case not in truth:
        raise DataError(f"case {case} is not in sheet TRUTH", source=where, row=row)
    if (sheet == "TP" and not truth[case]) or (sheet == "FP" and truth[case] and paradigm != "FROC"):
        label = "diseased" if truth[case] else "not diseased"
        raise DataError(f"case {case} is {label}", source=where, row=row, expected="the other sheet for its rating")


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _list(cell: object) -> list[str]:
    if isinstance(cell, list):
        return [_text(part) for part in cell]
    return [part.strip() for part in _text(cell).split(",") if part.strip()]


def _rating(cell: object, path: Path, row: int) -> float:
    try:
        value = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = float("nan")
    if value != value:
        raise DataError(f"rating {cell!r} is not a number", source=path, row=row)
    return value
