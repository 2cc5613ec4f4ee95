"""``usnet stats rates``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.cli.stats_common import Cluster, Level, Out, Positive, Truth, show

if TYPE_CHECKING:
    from usnet.statistics.rates import Counts


def rates(
    file: Annotated[Path | None, typer.Argument(help="CSV, a row a case: truth and call.")] = None,
    counts: Annotated[str | None, typer.Option(help="Instead: TP,FP,FN,TN.")] = None,
    call: Annotated[str, typer.Option(help="Column of calls, 0 and 1.")] = "call",
    truth: Truth = None,
    positive: Positive = None,
    cluster: Cluster = None,
    interval: Annotated[
        str, typer.Option(help="wilson, exact, agresti-coull, jeffreys, jeffreys-hpd or wald.")
    ] = "wilson",
    prevalence: Annotated[
        float | None, typer.Option(help="The rates at this prevalence too; 0.5 is class-balanced.")
    ] = None,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Sensitivity, specificity, predictive values, likelihood ratios and more, from calls or from four counts."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_rates import rates_outcome

    if (file is None) == (counts is None):
        raise ConfigError("rates need a file or --counts, and not both")
    source = file if file is not None else _counts(str(counts))
    options = {"call": call, "truth": truth, "positive": positive, "cluster": cluster, "prevalence": prevalence}
    show(rates_outcome(source, method=interval, level=level, **options), out)  # type: ignore[arg-type]


def _counts(text: str) -> Counts:
    from usnet.errors import ConfigError
    from usnet.statistics.rates import Counts

    try:
        values = [int(v) for v in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 4 or min(values) < 0 or not sum(values):
        raise ConfigError(f"--counts {text!r}", expected="four whole numbers TP,FP,FN,TN, not all 0")
    return Counts(*values)
