"""What the statistics commands share: options, and how an outcome is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import ConfigError

if TYPE_CHECKING:
    from usnet.reports.statistics import Outcome

Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for JSON, LaTeX, page and figures.")]
Level = Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")]
Truth = Annotated[str | None, typer.Option(help="Column of truth. Default: truth, label or outcome.")]
Positive = Annotated[
    str | None, typer.Option(help="Value of the truth that is positive. Default: 1, malignant, true ...")
]
Cluster = Annotated[str | None, typer.Option(help="Column that says which cases belong together (patient).")]
Column = Annotated[list[str] | None, typer.Option(help="ROLE=HEADING where a column has another name, as score=pom.")]
Draws = Annotated[int, typer.Option("--bootstrap", min=0, help="Draws of whole clusters; 0 for none.")]
Seed = Annotated[int, typer.Option(help="Of the draws.")]


def show(outcome: Outcome, out: Path | None) -> None:
    """Print an outcome, and write it where ``--out`` says."""
    from usnet.reports.statistics import text

    typer.echo(text(outcome))
    write(outcome, out)


def write(outcome: Outcome, out: Path | None) -> None:
    """Write an outcome and name the files."""
    from usnet.reports.statistics_files import write_outcome

    if out is not None:
        for path in write_outcome(outcome, out).values():
            typer.echo(path)


def names(text: str | None) -> list[str] | None:
    """Words with commas."""
    return [name.strip() for name in text.split(",")] if text else None


def columns(pairs: list[str] | None) -> dict[str, str]:
    """``ROLE=HEADING`` pairs of a study file."""
    found = {}
    for pair in pairs or []:
        role, sign, heading = pair.partition("=")
        if not sign or role not in ("reader", "modality", "case", "truth", "score"):
            raise ConfigError(f"--column {pair!r}", expected="reader, modality, case, truth or score = heading")
        found[role] = heading
    return found


def margin_kind(margin: float | None, equivalence: bool) -> str:
    """``non-inferiority`` or ``equivalence``, which needs a margin."""
    if equivalence and margin is None:
        raise ConfigError(
            "--equivalence without --margin", expected="--margin, the greatest difference that does not matter"
        )
    return "equivalence" if equivalence else "non-inferiority"
