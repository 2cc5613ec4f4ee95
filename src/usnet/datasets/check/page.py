"""The report as one HTML page that needs no other file."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from usnet.datasets.check.report import CheckReport, Problem

if TYPE_CHECKING:
    from usnet.datasets.check.pictures import Pictures
    from usnet.datasets.records import Dataset

PICTURES = 12
"""Pictures (or pairs) of one kind: a page stays a few megabytes whatever the dataset."""


def write_page(report: CheckReport, dataset: Dataset, target: Path) -> Path:
    """Write the page to ``target``, or to ``check.html`` in it if it is a folder or has no suffix; returns the file."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from usnet.datasets.check.pictures import Pictures

    if target.is_dir() or not target.suffix:
        target = target / "check.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    environment = Environment(
        loader=PackageLoader("usnet.datasets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = Pictures(dataset)
    kinds = [(kind, list(group)) for kind, group in groupby(report.problems, lambda p: p.kind)]
    page = environment.get_template("check.html.j2").render(
        report=report,
        kinds=[
            {
                "name": kind,
                "title": kind.replace("-", " "),
                "problems": problems,
                "shown": _shown(problems, pictures),
            }
            for kind, problems in kinds
        ],
    )
    target.write_text(page, encoding="utf-8")
    return target


def _shown(problems: list[Problem], pictures: Pictures) -> list[tuple[Problem, list[tuple[str, str]]]]:
    """The first problems with a picture, evenly spread over the list."""
    step = max(1, len(problems) // PICTURES)
    drawn = ((problem, pictures.of(problem)) for problem in problems[::step][:PICTURES])
    return [(problem, images) for problem, images in drawn if images]
