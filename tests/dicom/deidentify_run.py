"""The command on files, and what its report says."""

from __future__ import annotations

import csv
from pathlib import Path

from deidentify_files import plain
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from usnet.cli.app import app


def clean(source: Path, target: Path, *options: str, code: int = 0) -> str:
    """Run the command and return what it said; words are read (which takes seconds) only with ``--ocr``."""
    ocr = () if "--ocr" in options else ("--no-ocr",)
    done = CliRunner().invoke(app, ["deidentify", str(source), str(target), *ocr, *options])
    assert done.exit_code == code, done.output
    return done.output


def rows(target: Path) -> list[dict[str, str]]:
    """The rows of a run's report."""
    with (target / "report.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def small(**fields: object) -> Dataset:
    """A single grey frame without text inside."""
    made = plain(frames=1, inside=False)
    for name, value in fields.items():
        setattr(made, name, value)
    return made
