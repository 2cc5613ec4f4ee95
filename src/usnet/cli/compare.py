"""``usnet compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    run_a: Annotated[Path, typer.Argument(help="Folder that 'usnet evaluate' wrote for one model.")],
    run_b: Annotated[Path, typer.Argument(help="Folder of the other model, on the same images.")],
    bootstrap: Annotated[int, typer.Option(min=0, help="Paired draws of whole groups; 0 for none.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for JSON, LaTeX, page and figures.")] = None,
) -> None:
    """Two models on the same images: differences of AUC, AP, sensitivity and specificity with intervals and p.

    AUC by DeLong where every image is a group (patient) of its own, by Obuchowski (1997) otherwise; AP by paired cluster bootstrap;
    calls, each at its model's stored operating point, by McNemar or the cluster bootstrap. Runs whose images or truth differ are
    refused.
    """
    from usnet.cli.stats_common import show
    from usnet.reports.comparison import runs_outcome
    from usnet.reports.comparison_runs import read_run

    show(runs_outcome(read_run(run_a), read_run(run_b), bootstrap=bootstrap, seed=seed, level=level), out)
