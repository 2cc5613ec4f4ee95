"""``usnet study analyse``: report and exports of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.study_run import Data, Database, Reason, Study


def analyse(
    study: Study,
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder: report, figures, exports.")],
    reason: Reason = "",
    data: Data = None,
    database: Database = None,
    pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="Also as PDF (extra pdf).")] = True,
) -> None:
    """Tables 1 and 2, MRMC, ROC, time, agreement, over-reliance, missing readings, checklist; CSV, JSON, iMRMC, RJafroc, MRMCaov.

    Before the end of the study a reason is needed, and the look is noted in its log.
    """
    from usnet.cli.study_run import _actor, _place
    from usnet.extras import need
    from usnet.readers import organiser
    from usnet.readers.analysis.tables import paper_tables
    from usnet.readers.readings import collect
    from usnet.readers.report import write_report

    need("matplotlib", extra="evaluate", feature="usnet study analyse")
    if pdf:
        need("weasyprint", extra="pdf", feature="A PDF")
    place = _place(data, database)
    if organiser.look(place, study, _actor(), reason):
        typer.echo("The study is not over; this look is noted in its log.", err=True)
    found = collect(place, study)
    typer.echo(paper_tables(found))
    for path in write_report(found, out, pdf=pdf):
        typer.echo(path)
