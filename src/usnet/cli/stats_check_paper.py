"""``usnet stats check-paper``."""

from __future__ import annotations

from typing import Annotated

import typer

from usnet.cli.stats_common import Out, write


def check_paper(
    file: Annotated[str, typer.Argument(help="TOML file of printed figures, or a shipped example: li2020.")],
    out: Out = None,
) -> None:
    """Do the printed figures of a paper fit each other? Exit code 1 where some do not."""
    from usnet.reports.statistics_paper import paper_outcome

    outcome = paper_outcome(file)
    for verdict, check, subject, finding in outcome.grids[0].rows:
        typer.echo(f"{verdict}: {check}, {subject}: {finding}")
    typer.echo(" ".join((*outcome.sentences, *outcome.notes)))
    write(outcome, out)
    if outcome.numbers["does not fit"]:
        raise typer.Exit(1)
