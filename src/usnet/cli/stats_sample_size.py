"""``usnet stats sample-size``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Column, Out, columns, show


def sample_size(
    effect: Annotated[float, typer.Option(help="Difference of AUC to find.")],
    file: Annotated[Path | None, typer.Argument(help="Pilot study, as for mrmc.")] = None,
    components: Annotated[
        str | None,
        typer.Option(help="Instead: modality_reader=..,error=..,cov1=..,cov2=..,cov3=..,cases=.. of a study."),
    ] = None,
    readers: Annotated[int | None, typer.Option(min=2, help="Number of readers.")] = None,
    cases: Annotated[
        int | None, typer.Option(min=4, help="Number of cases. With --readers: the power of both.")
    ] = None,
    power: Annotated[float, typer.Option(min=0.05, max=0.999, help="To reach.")] = 0.8,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Two-sided.")] = 0.05,
    column: Column = None,
    out: Out = None,
) -> None:
    """How many readers and cases a reader study needs."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_readers import sample_size_outcome

    if readers is None and cases is None:
        raise ConfigError("neither --readers nor --cases", expected="one of them, or both for the power")
    parts = _components(components) if components else None
    chosen = {
        "effect": effect,
        "components": parts,
        "readers": readers,
        "cases": cases,
        "target": power,
        "alpha": alpha,
    }
    show(sample_size_outcome(file, columns=columns(column), **chosen), out)  # type: ignore[arg-type]


def _components(text: str) -> dict[str, float]:
    from usnet.errors import ConfigError

    names = ("modality_reader", "error", "cov1", "cov2", "cov3", "cases")
    try:
        found = {k.strip(): float(v) for k, v in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise ConfigError(f"--components {text!r}", expected="name=number with commas") from error
    if set(found) != set(names):
        raise ConfigError(f"--components {text!r}", expected=", ".join(names))
    return found
