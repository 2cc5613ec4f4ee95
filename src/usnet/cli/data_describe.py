"""``usnet data describe``: the paragraph "General data" of a paper, from any dataset."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How the description is written."""

    text = "text"
    json = "json"
    latex = "latex"


def describe(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.", show_default=False)],
    format_: Annotated[Format, typer.Option("--format", "-f", help="text, json, or LaTeX with a table.")] = Format.text,
) -> None:
    """Women and men, age, diameters, and counts of patients, nodules and images by class, centre and device.

    Every figure says for how many it is known.
    """
    import json

    from usnet.datasets.describe import describe as numbers
    from usnet.datasets.description import as_latex, as_text
    from usnet.datasets.records import load

    description = numbers(load(dataset))
    if format_ is Format.json:
        typer.echo(json.dumps(description.as_json(), indent=1, ensure_ascii=False))
    else:
        typer.echo((as_latex if format_ is Format.latex else as_text)(description).rstrip("\n"))
