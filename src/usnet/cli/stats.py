"""``usnet stats``: the statistics of a paper, from files of scores, calls, readings and marks."""

from __future__ import annotations

import typer

from usnet.cli.stats_agreement import agreement
from usnet.cli.stats_calibration import calibration
from usnet.cli.stats_check_paper import check_paper
from usnet.cli.stats_compare import compare
from usnet.cli.stats_example import example
from usnet.cli.stats_froc import froc
from usnet.cli.stats_groups import groups
from usnet.cli.stats_mrmc import mrmc
from usnet.cli.stats_paired import paired
from usnet.cli.stats_rates import rates
from usnet.cli.stats_roc import roc
from usnet.cli.stats_sample_size import sample_size

app = typer.Typer(
    name="stats",
    help="ROC, rates, calibration, reader studies, FROC, agreement, groups, sample size; check a published table.",
    no_args_is_help=True,
)

for command in (roc, compare, rates, paired, calibration, mrmc, froc, agreement, groups):
    app.command()(command)
app.command("sample-size")(sample_size)
app.command("check-paper")(check_paper)
app.command()(example)
