"""Columns of a CSV file of cases, with errors that name file and row."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.mrmc.study import UnknownTruth, parse_truth


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of a CSV file by heading, all of one length, and the row of the file (the heading is row 1) of each."""

    path: Path
    columns: dict[str, list[str]]
    rows: list[int]

    def text(self, name: str) -> list[str]:
        """A column as it stands.

        Raises
        ------
        DataError
            No such column, or an empty cell.
        """
        if name not in self.columns:
            hint = f"The file has {', '.join(self.columns)}"
            raise DataError(f"no column {name!r}", source=self.path, hint=hint)
        for row, cell in zip(self.rows, self.columns[name], strict=True):
            if not cell:
                raise DataError(f"column {name!r} is empty", source=self.path, row=row)
        return self.columns[name]

    def numbers(self, name: str) -> FloatArray:
        """A column of finite numbers ``[N]``.

        Raises
        ------
        DataError
            No such column, or a cell is no finite number.
        """
        values = []
        for row, cell in zip(self.rows, self.text(name), strict=True):
            try:
                value = float(cell)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise DataError(f"{name} {cell!r}", source=self.path, row=row, expected="a finite number")
            values.append(value)
        return np.array(values)

    def flags(self, name: str) -> BoolArray:
        """A column of calls ``[N]``: 0 and 1, or words as :meth:`truth` takes them; one class may be absent.

        Raises
        ------
        DataError
            No such column, or a cell is no call.
        """
        found = []
        for row, cell in zip(self.rows, self.text(name), strict=True):
            try:
                found.append(parse_truth(cell, str(self.path), row))
            except UnknownTruth as error:
                raise DataError(f"{name} {cell!r}", source=self.path, row=row, expected="0 or 1") from error
        return np.array(found, dtype=bool)

    def probabilities(self, name: str) -> FloatArray:
        """A column of numbers from 0 to 1 ``[N]``.

        Raises
        ------
        DataError
            No such column, or a cell is no probability.
        """
        values = self.numbers(name)
        for row, value in zip(self.rows, values.tolist(), strict=True):
            if not 0 <= value <= 1:
                hint = "Per cent must be divided by 100; a score that is no probability has no calibration"
                raise DataError(
                    f"{name} {value:g}", source=self.path, row=row, expected="a number from 0 to 1", hint=hint
                )
        return values

    def truth(self, name: str, positive: str | None = None) -> BoolArray:
        """A column of truth ``[N]``: two values of which ``positive`` is one, or 0/1 and words of that kind.

        Raises
        ------
        UnknownTruth
            A value is unknown, or the column holds more than two values, or ``positive`` is none of them.
        DataError
            Only one class has cases.
        """
        cells = self.text(name)
        if positive is None:
            found = [parse_truth(c, str(self.path), r) for r, c in zip(self.rows, cells, strict=True)]
        else:
            values = sorted(set(cells))
            if positive not in values:
                raise UnknownTruth(f"no case is {positive!r}", source=self.path, expected=f"one of {', '.join(values)}")
            if len(values) > 2:
                row = self.rows[next(i for i, c in enumerate(cells) if c not in (positive, values[0], values[1]))]
                hint = "Leave out the cases of other classes, or say which are positive in a column of 0 and 1"
                raise UnknownTruth(f"{len(values)} values of {name!r}", source=self.path, row=row, hint=hint)
            found = [c == positive for c in cells]
        labels = np.array(found, dtype=bool)
        if labels.all() or not labels.any():
            which = "positive" if labels.all() else "negative"
            raise DataError(f"all cases are {which}", source=self.path, expected="cases of both classes")
        return labels


def read_table(path: str | Path) -> Table:
    """The file as columns; blank lines are skipped.

    Raises
    ------
    DataError
        The file cannot be read, has no rows, names a column twice, or a row has another number of cells than the heading.
    """
    source = Path(path)
    try:
        with source.open(newline="", encoding="utf-8-sig") as stream:
            lines = [
                (number, row) for number, row in enumerate(csv.reader(stream), start=1) if any(c.strip() for c in row)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"cannot be read ({getattr(error, 'strerror', None) or error})", source=source, expected="a CSV file"
        ) from error
    if len(lines) < 2:
        raise DataError("no rows", source=source, expected="a heading line and a row a case")
    heading = [cell.strip() for cell in lines[0][1]]
    twice = [name for name in heading if heading.count(name) > 1]
    if twice:
        raise DataError(f"two columns {twice[0]!r}", source=source)
    for number, row in lines[1:]:
        if len(row) != len(heading):
            raise DataError(f"{len(row)} cells", source=source, row=number, expected=f"{len(heading)}")
    columns = {name: [row[i].strip() for _, row in lines[1:]] for i, name in enumerate(heading)}
    return Table(source, columns, [number for number, _ in lines[1:]])


def choose(table: Table, wanted: str | None, names: Sequence[str], what: str) -> str:
    """The column asked for, or the first of ``names`` that the file has.

    Raises
    ------
    ConfigError
        There is none.
    """
    if wanted is not None:
        table.text(wanted)
        return wanted
    found = next((name for name in names if name in table.columns), None)
    if found is None:
        raise ConfigError(
            f"no column for the {what}",
            source=table.path,
            expected=" or ".join(names),
            hint=f"Name it; the file has {', '.join(table.columns)}",
        )
    return found
