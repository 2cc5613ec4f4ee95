"""``usnet stats froc``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Level, Out, show


def froc(
    marks: Annotated[Path, typer.Argument(help="CSV (modality, reader, case, lesion_hit, rating) or RJafroc .xlsx.")],
    lesions: Annotated[Path | None, typer.Option(help="CSV: case, lesion, weight.")] = None,
    cases: Annotated[Path | None, typer.Option(help="CSV: case, diseased.")] = None,
    merit: Annotated[
        str, typer.Option(help="wAFROC, AFROC, wAFROC1, AFROC1, HrAuc, FROC, MaxLLF or MaxNLF.")
    ] = "wAFROC",
    method: Annotated[str, typer.Option(help="or or dbm.")] = "or",
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Free-response reading: figures of merit, and a comparison of modalities."""
    from usnet.reports.statistics_froc import froc_outcome

    show(froc_outcome(marks, lesions, cases, merit=merit, method=method, level=level), out)
