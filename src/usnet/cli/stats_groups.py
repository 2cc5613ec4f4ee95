"""``usnet stats groups``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Level, Out, names, show


def groups(
    file: Annotated[Path, typer.Argument(help="CSV, a row a reader (or other unit): score and level.")],
    value: Annotated[str, typer.Option(help="Column of values.")] = "score",
    group: Annotated[str, typer.Option(help="Column of groups.")] = "level",
    order: Annotated[str | None, typer.Option(help="The groups in their order, with commas: tests the trend.")] = None,
    single: Annotated[float | None, typer.Option(help="One score (of an AI) to set against each group.")] = None,
    unit: Annotated[str, typer.Option(help="What a row is.")] = "reader",
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Describe and compare groups, as Table 1 of the paper should have been; words are counted."""
    from usnet.reports.statistics_groups import groups_outcome

    chosen = {"value": value, "group": group, "single": single, "unit": unit, "level": level}
    show(groups_outcome(file, order=names(order), **chosen), out)  # type: ignore[arg-type]
