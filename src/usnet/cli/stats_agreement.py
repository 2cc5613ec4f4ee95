"""``usnet stats agreement``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Level, Out, names, show


def agreement(
    file: Annotated[Path, typer.Argument(help="CSV, a row a rating: case, reader, rating.")],
    case: Annotated[str, typer.Option(help="Column.")] = "case",
    reader: Annotated[str, typer.Option(help="Column.")] = "reader",
    rating: Annotated[str, typer.Option(help="Column.")] = "rating",
    occasion: Annotated[
        str | None, typer.Option(help="Column of first and second reading, for each reader with himself.")
    ] = None,
    weights: Annotated[str, typer.Option(help="none, linear or quadratic.")] = "none",
    categories: Annotated[str | None, typer.Option(help="In their order, with commas: 2,3,4a,4b,4c,5.")] = None,
    limits: Annotated[
        bool, typer.Option("--limits", help="Ratings are measurements: Bland and Altman's limits.")
    ] = False,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Cohen's and Fleiss' kappa, Gwet's AC, between readers or within them; limits of agreement."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_agreement import agreement_outcome
    from usnet.reports.statistics_limits import limits_outcome

    if limits:
        if occasion or categories or weights != "none":
            raise ConfigError(
                "--limits takes measurements of several readers", expected="no occasion, categories or weights"
            )
        show(limits_outcome(file, case=case, reader=reader, rating=rating, level=level), out)
        return
    if weights not in ("none", "linear", "quadratic"):
        raise ConfigError(f"--weights {weights!r}", expected="none, linear or quadratic")
    headings = {"case": case, "reader": reader, "rating": rating, "occasion": occasion}
    chosen = {"weights": weights, "categories": names(categories), "level": level}
    show(agreement_outcome(file, **headings, **chosen), out)  # type: ignore[arg-type]
