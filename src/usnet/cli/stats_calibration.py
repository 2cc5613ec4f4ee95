"""``usnet stats calibration``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Cluster, Draws, Level, Out, Positive, Seed, Truth, show


def calibration(
    file: Annotated[Path, typer.Argument(help="CSV, a row a case: truth and a probability.")],
    probability: Annotated[str | None, typer.Option(help="Column. Default: probability, score or p_malignant.")] = None,
    truth: Truth = None,
    positive: Positive = None,
    cluster: Cluster = None,
    bins: Annotated[int, typer.Option(min=2, max=100, help="Of equal width, for reliability and ECE.")] = 10,
    threshold: Annotated[
        str | None, typer.Option(help="Of the decision curve, with commas. Default: 0.02,0.05,0.1,0.2,0.3,0.5.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Of the clinic, for the decision curve. Default: of these cases.")
    ] = None,
    bootstrap: Draws = 2000,
    seed: Seed = 0,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Do probabilities mean what they say? Brier score, slope, reliability; decision curve (net benefit)."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_calibration import calibration_outcome

    try:
        chosen = [float(v) for v in threshold.split(",")] if threshold else None
    except ValueError as error:
        raise ConfigError(f"--threshold {threshold!r}", expected="numbers with commas, as 0.05,0.1") from error
    columns = {"truth": truth, "positive": positive, "cluster": cluster}
    settings = {"bins": bins, "thresholds": chosen, "prevalence": prevalence, "bootstrap": bootstrap, "seed": seed}
    show(calibration_outcome(file, probability, level=level, **columns, **settings), out)  # type: ignore[arg-type]
