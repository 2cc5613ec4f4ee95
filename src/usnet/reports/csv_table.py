"""``diagnoses.csv``: one row for every input, written while results come in."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from usnet.diagnosis.fuse import GroupOpinion
from usnet.errors import DataError
from usnet.values import Diagnosis, Failure

COLUMNS = (
    "image",
    "label",
    "p_benign",
    "p_malignant",
    "p_normal",
    "findings",
    "warnings",
    "frame",
    "width",
    "height",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "box_score",
    "box_probability",
    "width_mm",
    "height_mm",
    "group",
    "operating_point",
    "model",
    "model_sha256",
    "seconds",
    "id",
    "error",
)
"""``image`` is the file as it was named; ``id`` the name in the other outputs; ``box_*`` and ``*_mm`` the finding with the highest
score. Unknown is an empty cell. Warnings are joined by `` | ``."""

GROUP_COLUMNS = ("group", "label", "p_benign", "p_malignant", "p_normal", "rule", "views", "agree", "images")

SEPARATOR = " | "
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


class Table:
    """A CSV file (UTF-8, comma, one header line) that is flushed after every row, so that a stopped run keeps its rows.

    Text that a spreadsheet would run as a formula gets a leading apostrophe; :func:`read_rows` takes it off again.
    """

    def __init__(self, path: str | Path, columns: tuple[str, ...] = COLUMNS) -> None:
        self._columns = columns
        path = Path(path)
        # a file name that is not UTF-8 must not stop the table
        self._stream = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, row: dict[str, Any]) -> None:
        """Write one row; missing columns stay empty."""
        self._writer.writerow([guarded(row.get(name)) for name in self._columns])
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def row_of(result: Diagnosis | Failure) -> dict[str, Any]:
    """The row of one input, by column. Probabilities have six decimals, pixels and millimetres two."""
    if isinstance(result, Failure):
        return {"image": result.source, "error": result.reason}
    row: dict[str, Any] = {
        "image": result.source,
        "label": result.label,
        "findings": len(result.findings),
        "warnings": SEPARATOR.join(result.warnings),
        "frame": result.frame,
        "width": result.width,
        "height": result.height,
        "group": result.group,
        "operating_point": result.operating_point.name,
        "model": result.model.name,
        "model_sha256": result.model.sha256,
        "seconds": f"{result.seconds:.4f}",
        "id": result.image_id,
    }
    row |= _probabilities(result)
    if result.findings:
        top = result.findings[0]
        row |= {f"box_{name}": f"{getattr(top.box, name):.2f}" for name in ("x", "y", "width", "height")}
        row |= {"box_score": f"{top.score:.6f}", "box_probability": f"{top.probability:.6f}"}
        if top.size_mm is not None:
            row |= {"width_mm": f"{top.size_mm[0]:.2f}", "height_mm": f"{top.size_mm[1]:.2f}"}
    return row


def group_row(opinion: GroupOpinion) -> dict[str, Any]:
    """The row of one group in ``groups.csv``."""
    return {
        "group": opinion.group,
        "label": opinion.label,
        "rule": opinion.rule,
        "views": len(opinion.views),
        "agree": "yes" if opinion.agree else "no",
        "images": SEPARATOR.join(view.image_id for view in opinion.views),
    } | _probabilities(opinion)


def read_rows(path: str | Path) -> Iterator[dict[str, str | None]]:
    """Rows of a table written here; empty cells are ``None``.

    Raises
    ------
    DataError
        There is no such file, or it has no header.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if not reader.fieldnames:
                raise DataError("the table is empty", source=path, expected="a header line")
            for row in reader:
                yield {name: _plain(value) for name, value in row.items()}
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", source=path) from error


def _probabilities(result: Diagnosis | GroupOpinion) -> dict[str, str]:
    return {name: f"{getattr(result, name):.6f}" for name in ("p_benign", "p_malignant", "p_normal")}


def guarded(value: Any) -> str:
    """A cell as text; one that a spreadsheet would run as a formula gets a leading apostrophe."""
    text = "" if value is None else str(value)
    return "'" + text if isinstance(value, str) and text.startswith(_FORMULA) else text


def _plain(cell: str | None) -> str | None:
    return cell.removeprefix("'") if cell else None
