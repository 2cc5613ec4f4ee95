"""``usnet stats compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Cluster, Level, Out, Positive, Truth, margin_kind, show


def compare(
    file: Annotated[Path, typer.Argument(help="CSV, a row a case.")],
    first: Annotated[str, typer.Option(help="Column of the first score.")],
    second: Annotated[str | None, typer.Option(help="Column of the second score, of the same cases.")] = None,
    by: Annotated[str | None, typer.Option(help="Instead: column that makes two groups of cases.")] = None,
    truth: Truth = None,
    positive: Positive = None,
    cluster: Cluster = None,
    margin: Annotated[
        float | None, typer.Option(min=0.0, help="Is the first no worse than the second by more than this?")
    ] = None,
    equivalence: Annotated[bool, typer.Option("--equivalence", help="With --margin: nor better by more.")] = False,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Two AUCs: of the same cases (paired), or of two groups of cases (unpaired)."""
    from usnet.reports.statistics_compare import compare_outcome

    options = {"by": by, "truth": truth, "positive": positive, "cluster": cluster}
    kind = margin_kind(margin, equivalence)
    show(compare_outcome(file, first, second, margin=margin, kind=kind, level=level, **options), out)  # type: ignore[arg-type]
