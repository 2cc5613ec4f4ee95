"""``usnet data check``: every problem of a dataset in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import ConfigError

if TYPE_CHECKING:
    from usnet.anchors import AnchorSpec
    from usnet.datasets.check import CheckReport


def check(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.", show_default=False)],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything as JSON; '-' prints it instead of the text.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write one page with pictures: a file, or a folder for check.html.")
    ] = None,
    split_check: Annotated[
        bool, typer.Option("--split-check", help="Every image must be in a split, every class in every part.")
    ] = False,
    anchor_sizes: Annotated[
        str | None, typer.Option(help="Anchor sizes of the three levels to test boxes against, as 16,48,128.")
    ] = None,
    notes: Annotated[int, typer.Option(min=0, help="Print so many notes of each kind; 0 prints all.")] = 5,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; by default one a core.")] = None,
) -> None:
    """List every problem: files, boxes, labels, duplicates, splits, burned-in marks, anchors, odd values.

    Exit code 1 if anything would harm training (an error), 0 if there are only warnings and notes.
    """
    from usnet.cli.progress import bar
    from usnet.datasets.check import check_dataset

    anchors = _anchors(anchor_sizes)
    with bar("check") as update:
        report = check_dataset(dataset, anchors=anchors, demand_split=split_check, jobs=jobs, progress=update)
    text = json.dumps(report.to_json(), indent=1, ensure_ascii=False)
    if json_file is not None and str(json_file) != "-":
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(text + "\n", encoding="utf-8")
    page = None if html is None else _write_page(report, dataset, html)
    if json_file is not None and str(json_file) == "-":
        typer.echo(text)
    else:
        _print(report, notes)
        for written in (json_file, page):
            if written is not None:
                typer.echo(f"written: {written}")
    if report.harmful:
        raise typer.Exit(1)


def _anchors(sizes: str | None) -> AnchorSpec:
    from usnet.anchors import AnchorSpec

    if sizes is None:
        return AnchorSpec()
    try:
        values = tuple(float(v) for v in sizes.split(","))
    except ValueError:
        values = ()
    if len(values) != len(AnchorSpec().strides) or min(values) <= 0:
        raise ConfigError(f"--anchor-sizes {sizes}", expected="three sizes in pixels above 0, as 16,48,128")
    return AnchorSpec(sizes=values)


def _write_page(report: CheckReport, dataset: Path, target: Path) -> Path:
    from usnet.datasets.check.loading import load_leniently
    from usnet.datasets.check.page import write_page

    return write_page(report, load_leniently(dataset).dataset, target)


def _print(report: CheckReport, notes: int) -> None:
    from itertools import groupby

    for kind, group in groupby(report.problems, lambda p: p.kind):
        problems = list(group)
        hints = {p.hint for p in problems} - {None}
        typer.echo(f"\n{kind} ({len(problems)})" + (f": {min(map(str, hints))}" if len(hints) == 1 else ""))
        told = 0
        for problem in problems:
            told += problem.severity == "note"
            if problem.severity == "note" and notes and told > notes:
                continue
            place = " ".join(str(v) for v in (problem.row and f"row {problem.row}", problem.file) if v)
            hint = f" ({problem.hint})" if problem.hint and len(hints) > 1 else ""
            typer.echo(f"  {problem.severity:7}  {place + ': ' if place else ''}{problem.message}{hint}")
        if notes and told > notes:
            typer.echo(f"  ... and {told - notes} more notes of this kind (--notes 0, --json or --html lists them)")
    _print_summary(report)


def _print_summary(report: CheckReport) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("kind", *("errors", "warnings", "notes"), title=f"{report.dataset}: {report.images} images")
    for column in table.columns[1:]:
        column.justify = "right"
    for kind in report.counts:
        found = [p.severity for p in report.of_kind(kind)]
        table.add_row(kind, *(str(found.count(s) or "") for s in ("error", "warning", "note")))
    typer.echo()
    Console().print(table)
    for row in report.coverage:
        typer.echo(
            f"no anchor at IoU {row.iou}: {row.uncovered} of {row.boxes} {row.pathology} boxes ({row.share:.1%})"
        )
    errors = report.severities["error"]
    typer.echo(f"{errors} problem(s) would harm training" if errors else "nothing that would harm training")
