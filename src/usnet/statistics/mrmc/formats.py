"""Files of readings: long CSV (also MRMCaov's), ``.imrmc`` and RJafroc's xlsx, read into and written from a study."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.statistics.mrmc.rjafroc import read_rjafroc, write_rjafroc
from usnet.statistics.mrmc.study import Reading, Study, UnknownTruth, parse_truth

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "reader": ("reader", "readerid"),
    "modality": ("modality", "arm", "treatment", "test", "modalityid"),
    "case": ("case", "caseid"),
    "truth": ("truth",),
    "score": ("score", "rating", "probability"),
}
"""Headings (in any case) under which a column is found; the first that is there counts."""

FORMATS = ("csv", "imrmc", "mrmcaov", "rjafroc")


def read_study(path: str | Path, columns: Mapping[str, str] | None = None) -> Study:
    """Study from a file; the suffix tells the format: ``.imrmc``, ``.xlsx`` (RJafroc), anything else long CSV.

    Parameters
    ----------
    columns
        For CSV: heading of ``reader``, ``modality``, ``case``, ``truth`` or ``score`` where it is none of :data:`COLUMNS`.

    Raises
    ------
    DataError
        The file cannot be read or lacks a column; a score is not a number; :class:`DuplicateReading`, :class:`UnknownTruth` and
        :class:`MissingClass` are kinds of it.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".imrmc":
        return read_imrmc(path)
    if suffix == ".xlsx":
        return read_rjafroc(path)
    return read_csv(path, columns)


def write_study(study: Study, path: str | Path, layout: str = "csv") -> None:
    """Write a study: ``csv``, ``imrmc``, ``mrmcaov`` (CSV with that package's headings) or ``rjafroc`` (xlsx)."""
    writers = {"csv": write_csv, "imrmc": write_imrmc, "mrmcaov": write_mrmcaov, "rjafroc": write_rjafroc}
    if layout not in writers:
        raise ConfigError(f"unknown format {layout!r}", expected=", ".join(FORMATS))
    writers[layout](study, Path(path))


def read_csv(path: Path, columns: Mapping[str, str] | None = None) -> Study:
    """Study from one row a reading with columns reader, modality, case, truth, score; without a modality column one modality."""
    table = list(csv.reader(_lines(path)))
    if not table:
        raise DataError("the file is empty", source=path)
    place = _find_columns(table[0], columns or {}, path)
    readings, numbers = [], []
    for number, row in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = {name: row[at].strip() if at < len(row) else "" for name, at in place.items()}
        numbers.append(number)
        readings.append(
            Reading(
                _name(cells["reader"], "reader", path, number),
                cells.get("modality") or "all",
                _name(cells["case"], "case", path, number),
                parse_truth(cells["truth"], str(path), number),
                _number(cells["score"], path, number),
            )
        )
    return Study.from_readings(readings, str(path), numbers)


def read_imrmc(path: Path) -> Study:
    """Study from the list format of iMRMC: free text, a line that begins with ``BEGIN DATA:``, then
    ``reader,case,modality,score`` with truth rows ``truth,case,truth,0|1``. Counts announced as ``N0:``, ``N1:``, ``NR:`` and
    ``NM:`` must agree with the rows.
    """
    lines = _lines(path)
    begin = next((i for i, line in enumerate(lines) if line.strip().upper().startswith("BEGIN DATA:")), None)
    if begin is None:
        raise DataError("no line begins with BEGIN DATA:", source=path, expected="an .imrmc file")
    truth: dict[str, bool] = {}
    scored: list[tuple[int, str, str, str, float]] = []
    for number, row in enumerate(csv.reader(lines[begin + 1 :]), start=begin + 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 4:
            raise DataError(f"{len(row)} columns", source=path, row=number, expected="reader,case,modality,score")
        reader, case, modality, score = (cell.strip() for cell in row)
        if reader.lower() == "truth" or modality.lower() == "truth":
            if truth.get(case, label := parse_truth(score, str(path), number)) != label:
                raise UnknownTruth(f"case {case!r} has two truths", source=path, row=number)
            truth[case] = label
        else:
            scored.append((number, reader, modality, case, _number(score, path, number)))
    readings = []
    for number, reader, modality, case, value in scored:
        if case not in truth:
            raise UnknownTruth(f"case {case!r} has no truth row", source=path, row=number)
        readings.append(Reading(reader, modality, case, truth[case], value))
    study = Study.from_readings(readings, str(path), [one[0] for one in scored])
    _check_announced(lines[:begin], truth, study, path)
    return study


def write_csv(study: Study, path: Path) -> None:
    """One row a reading: reader, modality, case, truth (0 or 1), score."""
    _write_rows(study, path, ("reader", "modality", "case", "truth", "score"))


def write_mrmcaov(study: Study, path: Path) -> None:
    """The same with the headings of R's MRMCaov: reader, treatment, case, truth, rating."""
    _write_rows(study, path, ("reader", "treatment", "case", "truth", "rating"))


def write_imrmc(study: Study, path: Path) -> None:
    """The list format of iMRMC; see :func:`read_imrmc`."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        stream.write("Readings written by usnet\n")
        counts = (study.negatives, study.positives, len(study.readers), len(study.modalities))
        stream.writelines(f"{name}:{count}\n" for name, count in zip(("N0", "N1", "NR", "NM"), counts, strict=True))
        stream.write("BEGIN DATA:\n")
        out = csv.writer(stream, lineterminator="\n")
        out.writerows(
            ("truth", case, "truth", int(label)) for case, label in zip(study.cases, study.truth, strict=True)
        )
        out.writerows((r.reader, r.case, r.modality, repr(r.score)) for r in study.rows())


def _write_rows(study: Study, path: Path, headings: tuple[str, ...]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(headings)
        out.writerows((r.reader, r.modality, r.case, int(r.truth), repr(r.score)) for r in study.rows())


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", source=path) from error
    except UnicodeDecodeError as error:
        raise DataError("is no text in UTF-8", source=path, expected="CSV or .imrmc") from error
    return text.splitlines()


def _find_columns(heading: list[str], wanted: Mapping[str, str], path: Path) -> dict[str, int]:
    names = [cell.strip().lower() for cell in heading]
    place = {}
    for column, aliases in COLUMNS.items():
        choices = (wanted[column].lower(),) if column in wanted else aliases
        found = next((names.index(alias) for alias in choices if alias in names), None)
        if found is not None:
            place[column] = found
        elif column != "modality" or column in wanted:
            raise DataError(
                f"no column {' or '.join(choices)}",
                source=path,
                expected="reader, modality, case, truth and score",
                hint=f"The file has {', '.join(heading)}",
            )
    return place


def _name(text: str, kind: str, path: Path, row: int) -> str:
    if not text:
        raise DataError(f"no {kind}", source=path, row=row)
    return text


def _number(text: str, path: Path, row: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if np.isnan(value):
        raise DataError(
            f"score {text!r} is not a number", source=path, row=row, hint="Leave the row out where a case was not read"
        )
    return value


def _check_announced(head: list[str], truth: Mapping[str, bool], study: Study, path: Path) -> None:
    positive = sum(truth.values())
    found = {
        "N0": len(truth) - positive,
        "N1": positive,
        "NR": len(study.readers),
        "NM": len(study.modalities),
    }
    for line in head:
        name, colon, text = line.partition(":")
        key = name.strip().upper()
        if colon and key in found and text.strip().isdigit() and int(text) != found[key]:
            raise DataError(f"{key} is announced as {int(text)}, the rows hold {found[key]}", source=path)
