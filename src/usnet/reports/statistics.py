"""What ``usnet stats`` leaves behind: a plain table to read, and JSON, LaTeX, a page and figures in a folder."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import usnet
from usnet.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: title, headings and rows. Numbers print with ``digits`` decimals, ``None`` as a dash."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one command.

    ``method``, ``n`` and ``unit`` say what was done, on how many of what; ``sentences`` may go into a paper; ``notes`` are what a
    reader must know. ``numbers`` go into the JSON in full; ``figures`` are drawn only when they are written.
    ``title`` heads the page (that of the first table where empty).
    """

    command: str
    method: str
    n: str
    unit: str
    grids: tuple[Grid, ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    title: str = ""


def interval_text(interval: Interval | None, digits: int = 3) -> str:
    """``0.812 to 0.968``, or a dash."""
    return "-" if interval is None else f"{interval.low:.{digits}f} to {interval.high:.{digits}f}"


def p_text(p: float | None) -> str:
    """``.052``, ``< .001`` or a dash where the test cannot be done."""
    if p is None:
        return "-"
    return "< .001" if p < 0.001 else f"{p:.3f}".replace("0.", ".", 1)


def cell_text(value: Cell, digits: int = 3) -> str:
    """A cell in print."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool | int | str):
        return str(value)
    return f"{value:.{digits}f}"


def text(outcome: Outcome) -> str:
    """The outcome in plain text: tables with aligned columns, then method, n, unit, notes and sentences."""
    parts = [plain_text(grid) for grid in outcome.grids]
    facts = [f"Method: {outcome.method}", f"n: {outcome.n}", f"Unit: {outcome.unit}"]
    facts += [f"Note: {note}" for note in outcome.notes]
    parts.append("\n".join(facts))
    if outcome.sentences:
        parts.append("For the paper: " + " ".join(outcome.sentences))
    return "\n\n".join(parts)


def plain_text(grid: Grid) -> str:
    """A table with aligned columns, its title above."""
    lines = [grid.headings, *(tuple(cell_text(c, grid.digits) for c in row) for row in grid.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(grid.headings))]
    body = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([grid.title, body[0], "  ".join("-" * width for width in widths), *body[1:]])


def as_json(outcome: Outcome) -> str:
    """Everything but the figures; ``null`` for what cannot be computed."""
    document = {
        "command": outcome.command,
        "version": usnet.__version__,
        "method": outcome.method,
        "n": outcome.n,
        "unit": outcome.unit,
        "notes": outcome.notes,
        "sentences": outcome.sentences,
        "tables": outcome.grids,
        "numbers": outcome.numbers,
    }
    return json.dumps(plain(document), indent=1, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Data classes, arrays and mappings as what JSON knows; NaN and infinity as ``None``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return value if value is None or isinstance(value, str | int) else str(value)


_SPECIAL = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "{": r"\{", "}": r"\}"}
_SPECIAL |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {"<": r"$<$", ">": r"$>$"}


def escape(words: str) -> str:
    """Text for LaTeX."""
    return "".join(_SPECIAL.get(letter, letter) for letter in words)


def latex(outcome: Outcome) -> str:
    """Every table as a LaTeX ``table`` (plain ``tabular``, no packages), method, n and unit in its caption."""
    return "\n".join(_latex(grid, outcome) for grid in outcome.grids)


def _columns(grid: Grid) -> str:
    """Left-aligned columns; one that holds sentences is broken into lines."""
    widest = [max((len(cell_text(row[i])) for row in grid.rows), default=0) for i in range(len(grid.headings))]
    return "".join(r"p{0.5\linewidth}" if width > 60 else "l" for width in widest)


def _latex(grid: Grid, outcome: Outcome) -> str:
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape(grid.title)}. {escape(outcome.method)}; n: {escape(outcome.n)}; unit: {escape(outcome.unit)}.}}",
        rf"\begin{{tabular}}{{{_columns(grid)}}}",
        r"\hline",
        " & ".join(map(escape, grid.headings)) + r" \\",
        r"\hline",
        *(" & ".join(escape(cell_text(c, grid.digits)) for c in row) + r" \\" for row in grid.rows),
        r"\hline",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)
