"""``usnet data``: import, check, split, sample, merge and describe datasets. Each sub-command has its own file."""

from __future__ import annotations

import typer

from usnet.cli import data_import
from usnet.cli.data_check import check
from usnet.cli.data_describe import describe
from usnet.cli.data_pack import pack
from usnet.cli.data_sample import merge, sample
from usnet.cli.data_split import split

app = typer.Typer(
    name="data",
    help="Datasets: import published sets, check them, split them by patient, describe them.",
    no_args_is_help=True,
)
app.add_typer(data_import.app)
app.command("check")(check)
app.command("split")(split)
app.command("sample")(sample)
app.command("merge")(merge)
app.command("describe")(describe)
app.command("pack")(pack)
