"""The command tree. Sub-command modules import heavy libraries inside their functions, so that ``--help`` is quick."""

from __future__ import annotations

from typing import Annotated

import typer

import usnet

app = typer.Typer(
    name="usnet",
    help="Breast ultrasound: find nodules, tell benign from malignant, prove how well. Research use, not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"usnet {usnet.__version__}")
        raise typer.Exit


@app.callback()
def _root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """Options of the whole command."""
