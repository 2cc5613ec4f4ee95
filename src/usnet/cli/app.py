"""The command tree. Sub-command modules import heavy libraries inside their functions, so that ``--help`` is quick."""

from __future__ import annotations

from typing import Annotated

import typer

import usnet
from usnet.cli.account import app as account_app
from usnet.cli.audit import app as audit_app
from usnet.cli.compare import compare
from usnet.cli.compare_methods import compare_methods
from usnet.cli.data import app as data_app
from usnet.cli.deidentify import deidentify
from usnet.cli.descriptors import descriptors
from usnet.cli.diagnose import diagnose
from usnet.cli.dicom import app as dicom_app
from usnet.cli.doctor import doctor
from usnet.cli.evaluate import evaluate
from usnet.cli.figure import app as figure_app
from usnet.cli.models import app as model_app
from usnet.cli.node import node
from usnet.cli.pacs import app as pacs_app
from usnet.cli.phantom import phantom
from usnet.cli.reproduce import reproduce
from usnet.cli.robustness import robustness
from usnet.cli.second_look import attach_second_look, train_second_look
from usnet.cli.serve import serve
from usnet.cli.stats import app as stats_app
from usnet.cli.study import app as study_app
from usnet.cli.train import export, train

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


app.add_typer(data_app)
app.command()(diagnose)
app.add_typer(dicom_app)
app.add_typer(model_app)
app.command()(train)
app.command()(export)
app.command()(train_second_look)
app.command()(attach_second_look)
app.command()(phantom)
app.command()(evaluate)
app.command()(compare)
app.command()(compare_methods)
app.command()(descriptors)
app.command()(robustness)
app.command()(reproduce)
app.add_typer(figure_app)
app.add_typer(stats_app)
app.add_typer(study_app)
app.command()(deidentify)
app.command()(serve)
app.command()(node)
app.add_typer(pacs_app)
app.add_typer(account_app)
app.add_typer(audit_app)
app.command()(doctor)
