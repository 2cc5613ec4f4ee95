"""Free-response studies from files: three CSV tables, or RJafroc's xlsx (sheets TP, FP, TRUTH)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from usnet.errors import DataError
from usnet.statistics.afroc import FigureOfMerit, Marks, figure_of_merit, jackknife
from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc.study import parse_truth
from usnet.statistics.tables import Table, read_table


@dataclass(frozen=True, slots=True, eq=False)
class MarkStudy:
    """Marks of every reader in every modality on the same cases: ``marks[modality, reader]``."""

    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    marks: Mapping[tuple[str, str], Marks]

    @property
    def first(self) -> Marks:
        """Any of the readings: cases and lesions are alike in all."""
        return next(iter(self.marks.values()))

    def values(self, name: FigureOfMerit) -> FloatArray:
        """Figure of merit ``[M, R]``, NaN where it cannot be computed."""
        found = [[figure_of_merit(self.marks[m, r], name) for r in self.readers] for m in self.modalities]
        return np.array(found, dtype=np.float64)

    def without(self, name: FigureOfMerit) -> FloatArray:
        """Figure of merit with each case left out, ``[M, R, C]``, for the jackknife."""
        return np.array([[jackknife(self.marks[m, r], name) for r in self.readers] for m in self.modalities])


@dataclass(frozen=True, slots=True)
class _Row:
    row: int
    modality: str
    reader: str
    case: str
    lesion: str
    rating: float


def read_marks(marks: str | Path, lesions: str | Path | None = None, cases: str | Path | None = None) -> MarkStudy:
    """A study from files.

    Parameters
    ----------
    marks
        CSV with a row a mark: modality, reader, case, lesion_hit (0 for none, otherwise the lesion's name), rating; or an RJafroc
        xlsx file, which needs no other.
    lesions
        CSV with a row a lesion: case, lesion, and weight (alike within the case where there is no such column).
    cases
        CSV with a row a case: case, diseased (0 or 1).

    Raises
    ------
    DataError
        A file or column is missing; a rating is no number; a mark hits a case or lesion that is not listed, or hits one twice; the
        tables disagree.
    """
    source = Path(marks)
    if source.suffix.lower() == ".xlsx":
        return _from_xlsx(source)
    if lesions is None or cases is None:
        raise DataError(
            "marks alone do not say what was missed", source=source, expected="tables of lesions and of cases"
        )
    listed, tumours, table = read_table(cases), read_table(lesions), read_table(source)
    names = listed.text("case")
    diseased = {
        name: parse_truth(cell, str(listed.path), row)
        for name, cell, row in zip(names, listed.text("diseased"), listed.rows, strict=True)
    }
    if len(diseased) != len(names):
        raise DataError("a case is listed twice", source=listed.path)
    weights = _weights(tumours, diseased)
    columns = [table.text(c) for c in ("modality", "reader", "case", "lesion_hit")]
    rows = [_Row(*cells) for cells in zip(table.rows, *columns, table.numbers("rating").tolist(), strict=True)]
    return _study(rows, diseased, weights, source)


def _weights(table: Table, diseased: Mapping[str, bool]) -> dict[tuple[str, str], float]:
    pairs = list(zip(table.text("case"), table.text("lesion"), strict=True))
    for row, pair in zip(table.rows, pairs, strict=True):
        if pair[0] not in diseased:
            raise DataError(f"unknown case {pair[0]!r}", source=table.path, row=row)
        if pairs.count(pair) > 1:
            raise DataError(f"lesion {pair[1]!r} of case {pair[0]!r} is listed twice", source=table.path, row=row)
    if "weight" in table.columns:
        return dict(zip(pairs, table.numbers("weight").tolist(), strict=True))
    held = [case for case, _ in pairs]
    return {pair: 1 / held.count(pair[0]) for pair in pairs}


def _study(
    rows: list[_Row], diseased: Mapping[str, bool], weights: Mapping[tuple[str, str], float], source: Path
) -> MarkStudy:
    """Sort marks by modality and reader."""
    order = {case: index for index, case in enumerate(diseased)}
    place = {pair: index for index, pair in enumerate(weights)}
    lesion_case = np.array([order[case] for case, _ in weights], dtype=np.intp)
    lesions = np.bincount(lesion_case, minlength=len(order))
    for case, ill in diseased.items():
        if bool(lesions[order[case]]) != ill:
            found = f"case {case!r} is {'diseased without' if ill else 'normal with'} a lesion"
            raise DataError(found, source=source, hint="The tables of cases and of lesions disagree")
    modalities, readers = (
        tuple(dict.fromkeys(values)) for values in ([r.modality for r in rows], [r.reader for r in rows])
    )
    marks = {}
    for modality in modalities:
        for reader in readers:
            here = [r for r in rows if r.modality == modality and r.reader == reader]
            rating, false_case, false_rating = _place(here, order, place, source)
            parts = (lesions, lesion_case, np.array(list(weights.values())), rating, false_case, false_rating)
            try:
                marks[modality, reader] = Marks(*parts)
            except ValueError as error:
                raise DataError(str(error), source=source) from error
    return MarkStudy(modalities, readers, tuple(diseased), marks)


def _place(
    rows: list[_Row], order: Mapping[str, int], place: Mapping[tuple[str, str], int], source: Path
) -> tuple[FloatArray, np.ndarray[Any, np.dtype[np.intp]], FloatArray]:
    rating = np.full(len(place), -np.inf)
    false_case, false_rating = [], []
    for mark in rows:
        if mark.case not in order:
            raise DataError(f"unknown case {mark.case!r}", source=source, row=mark.row)
        if mark.lesion == "0":
            false_case.append(order[mark.case])
            false_rating.append(mark.rating)
            continue
        index = place.get((mark.case, mark.lesion))
        if index is None:
            raise DataError(f"case {mark.case!r} has no lesion {mark.lesion!r}", source=source, row=mark.row)
        if rating[index] > -np.inf:
            raise DataError(
                f"lesion {mark.lesion!r} of case {mark.case!r} is marked twice", source=source, row=mark.row
            )
        rating[index] = mark.rating
    return rating, np.array(false_case, dtype=np.intp), np.array(false_rating, dtype=np.float64)


def _from_xlsx(path: Path) -> MarkStudy:
    sheets = _sheets(path)
    diseased: dict[str, bool] = {}
    weights: dict[tuple[str, str], float] = {}
    for _, row in sheets["TRUTH"]:
        case, lesion = row["CASEID"], row["LESIONID"]
        ill = lesion not in ("0", "")
        diseased[case] = diseased.get(case, False) or ill
        if ill:
            weights[case, lesion] = float(row.get("WEIGHT") or 0)
    for case in diseased:
        mine = [pair for pair in weights if pair[0] == case]
        if mine and sum(weights[pair] for pair in mine) == 0:  # RJafroc writes 0 for weights that are alike
            weights |= {pair: 1 / len(mine) for pair in mine}
    rows = [
        _Row(n, r["MODALITYID"], r["READERID"], r["CASEID"], r["LESIONID"], _rating(r["TP_RATING"], path, n))
        for n, r in sheets["TP"]
    ]
    rows += [
        _Row(n, r["MODALITYID"], r["READERID"], r["CASEID"], "0", _rating(r["FP_RATING"], path, n))
        for n, r in sheets["FP"]
    ]
    return _study(rows, diseased, weights, path)


def _rating(cell: str, path: Path, row: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"rating {cell!r}", source=path, row=row, expected="a finite number")
    return value


def _sheets(path: Path) -> dict[str, list[tuple[int, dict[str, str]]]]:
    """Rows of the three sheets with their numbers, cells as text by heading in capitals."""
    import zipfile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (OSError, InvalidFileException, zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"cannot be read ({error})", source=path, expected="an xlsx file") from error
    needed = {"TRUTH": ("CASEID", "LESIONID"), "TP": ("LESIONID", "TP_RATING"), "FP": ("FP_RATING",)}
    result = {}
    for sheet, columns in needed.items():
        name = next((s for s in book.sheetnames if s.upper() == sheet), None)
        lines = [] if name is None else list(book[name].iter_rows(values_only=True))
        heading = [_cell(c).upper() for c in lines[0]] if lines else []
        lacking = [
            c
            for c in (*columns, *(() if sheet == "TRUTH" else ("READERID", "MODALITYID", "CASEID")))
            if c not in heading
        ]
        if lacking:
            raise DataError(f"sheet {sheet} has no column {lacking[0]}", source=path, expected="RJafroc's layout")
        result[sheet] = [
            (number, dict(zip(heading, map(_cell, line), strict=False)))
            for number, line in enumerate(lines[1:], start=2)
            if any(c is not None for c in line)
        ]
    return result


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
