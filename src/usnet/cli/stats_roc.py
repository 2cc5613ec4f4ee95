"""``usnet stats roc``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Cluster, Draws, Level, Out, Positive, Seed, Truth, show


def roc(
    file: Annotated[Path, typer.Argument(help="CSV, a row a case: truth and one or more scores.")],
    score: Annotated[
        list[str] | None, typer.Option(help="Column of scores; repeat for several. Default: score.")
    ] = None,
    truth: Truth = None,
    positive: Positive = None,
    cluster: Cluster = None,
    specificity: Annotated[float, typer.Option(min=0.0, max=0.999, help="For sensitivity and partial area.")] = 0.9,
    partial: Annotated[
        str | None,
        typer.Option(help="Range of the partial area, as specificity=0.8,1 or sensitivity=0.9,1. Default: see above."),
    ] = None,
    logit: Annotated[
        bool, typer.Option("--logit", help="Interval of the AUC on the logit scale: within 0 to 1, better near 1.")
    ] = False,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="CLASS=COLUMN, for three classes or more: Hand and Till's AUC; repeat for each."),
    ] = None,
    bootstrap: Draws = 500,
    seed: Seed = 0,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """AUC (DeLong, or Obuchowski 1997 with clusters), partial area, operating points; Hand and Till's AUC of several classes."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_multiclass import multiclass_outcome
    from usnet.reports.statistics_roc import roc_outcome

    if classes:
        if score or partial or logit or positive:
            raise ConfigError(
                "--class with options for two classes", expected="no --score, --partial, --logit, --positive"
            )
        draws = {"bootstrap": bootstrap, "seed": seed}
        show(multiclass_outcome(file, _classes(classes), truth=truth, cluster=cluster, level=level, **draws), out)
        return
    options = {"truth": truth, "positive": positive, "cluster": cluster}
    chosen = {"specificity": specificity, "partial": _partial(partial), "scale": "logit" if logit else "plain"}
    show(roc_outcome(file, score, bootstrap=bootstrap, seed=seed, level=level, **options, **chosen), out)  # type: ignore[arg-type]


def _classes(pairs: list[str]) -> dict[str, str]:
    from usnet.errors import ConfigError

    found = {}
    for pair in pairs:
        name, sign, column = pair.partition("=")
        if not (name and sign and column) or name in found:
            raise ConfigError(f"--class {pair!r}", expected="CLASS=COLUMN, each class once")
        found[name] = column
    return found


def _partial(text: str | None) -> tuple[str, float, float] | None:
    from usnet.errors import ConfigError

    if text is None:
        return None
    axis, _, limits = text.partition("=")
    try:
        low, high = (float(v) for v in limits.split(","))
    except ValueError:
        low = high = 0.0
    if axis not in ("specificity", "sensitivity") or not 0 <= low < high <= 1:
        raise ConfigError(f"--partial {text!r}", expected="specificity=LOW,HIGH or sensitivity=LOW,HIGH within 0 to 1")
    return axis, low, high
