"""``usnet stats paired``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Cluster, Draws, Level, Out, Positive, Seed, show


def paired(
    file: Annotated[Path, typer.Argument(help="CSV, a row a case, a column a reading of 0 and 1.")],
    reading: Annotated[list[str], typer.Option(help="Column of calls; repeat for two readings or more.")],
    truth: Annotated[
        str | None, typer.Option(help="Column of truth. Without it the readings say right (1) or wrong (0).")
    ] = None,
    positive: Positive = None,
    cluster: Cluster = None,
    bootstrap: Draws = 2000,
    seed: Seed = 0,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Yes-or-no readings of the same cases: McNemar for two, Cochran's Q for more, cluster bootstrap with clusters."""
    from usnet.reports.statistics_paired import paired_outcome

    settings = {"truth": truth, "positive": positive, "cluster": cluster, "bootstrap": bootstrap, "seed": seed}
    show(paired_outcome(file, reading, level=level, **settings), out)  # type: ignore[arg-type]
