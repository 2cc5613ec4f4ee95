"""``usnet stats mrmc``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Column, Level, Out, columns, margin_kind, show


def mrmc(
    file: Annotated[
        Path, typer.Argument(help="Long CSV (reader, modality, case, truth, score), .imrmc or RJafroc .xlsx.")
    ],
    method: Annotated[
        str, typer.Option(help="or (Obuchowski-Rockette), dbm, or u (U-statistics: readings may be missing).")
    ] = "or",
    covariance: Annotated[str | None, typer.Option(help="delong, jackknife or unbiased.")] = None,
    inference: Annotated[
        str, typer.Option(help="readers-and-cases-random, readers-fixed or cases-fixed: whom the result speaks for.")
    ] = "readers-and-cases-random",
    merit: Annotated[str, typer.Option(help="auc, sensitivity or specificity.")] = "auc",
    threshold: Annotated[float | None, typer.Option(help="Positive at a rating of at least this.")] = None,
    centre: Annotated[
        bool, typer.Option("--centre", help="With --method u: steadier variance where readings are missing.")
    ] = False,
    margin: Annotated[float | None, typer.Option(min=0.0, help="Non-inferiority margin of each difference.")] = None,
    equivalence: Annotated[bool, typer.Option("--equivalence", help="With --margin: equivalence instead.")] = False,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="With --margin: differences are second minus first modality.")
    ] = False,
    ai: Annotated[
        Path | None, typer.Option(help="CSV of case and score of one algorithm, to set against the readers.")
    ] = None,
    modality: Annotated[str | None, typer.Option(help="With --ai: the readers' modality.")] = None,
    column: Column = None,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Reader study: compare modalities, or one algorithm with the readers."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_readers import ai_outcome, mrmc_outcome

    common = {"merit": merit, "threshold": threshold, "columns": columns(column), "level": level}
    kind = margin_kind(margin, equivalence)
    if reverse and margin is None:
        raise ConfigError("--reverse without --margin")
    if ai is not None:
        if margin is not None or centre or method != "or":
            raise ConfigError(
                "--ai with --margin, --centre or --method", expected="--ai alone compares one algorithm with readers"
            )
        cases = "fixed" if inference == "cases-fixed" else "random"
        estimator = covariance or "jackknife"
        show(ai_outcome(file, ai, modality=modality, cases=cases, covariance=estimator, **common), out)  # type: ignore[arg-type]
        return
    chosen: dict[str, object] = {
        "method": method,
        "covariance": covariance or "delong",
        "inference": inference,
        "margin": margin,
    }
    chosen |= {"kind": kind, "reverse": reverse, "centre": centre}
    show(mrmc_outcome(file, **chosen, **common), out)  # type: ignore[arg-type]
