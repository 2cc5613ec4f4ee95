"""Rows of BENCHMARKS.md run as written, once, and stop at the step that fails."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.cli.reproduce import _read
from usnet.errors import ConfigError

ROWS = Path(__file__).parents[2] / "benchmarks" / "rows.toml"


def invoke(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["reproduce", *map(str, arguments)], catch_exceptions=False)
    return f"{result.exit_code}\n{result.stdout}"


def test_every_row_names_commands_and_options_that_exist() -> None:
    command = typer.main.get_command(app)
    for name, row in _read(ROWS).items():
        assert row["says"], name
        for step in row["steps"]:
            words = shlex.split(step)
            found = command
            while hasattr(found, "commands"):
                found = found.commands[words.pop(0)]
            known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert {w for w in words if w.startswith("--")} <= known, step


def test_rows_are_listed_and_printed_without_running(tmp_path: Path) -> None:
    assert "fast-fold5: usnet-fast as shipped" in invoke("--rows", ROWS)
    printed = invoke("fast-fold5", "--rows", ROWS, "--data", "sets", "--out", tmp_path / "x", "--dry-run")
    assert f"usnet data import busbra {Path('sets').resolve()}/BUSBRA {tmp_path}/x/busbra" in printed
    assert not (tmp_path / "x").exists()


def test_steps_run_once_and_a_failure_stops(tmp_path: Path) -> None:
    rows = tmp_path / "benchmarks" / "rows.toml"
    rows.parent.mkdir()
    rows.write_text(
        '[row]\nsays = "x"\nsteps = ["phantom --count 2 {out}/set", "data describe {out}/nothing", "phantom --count 1 {out}/b"]\n'
    )
    assert invoke("row", "--rows", rows, "--out", tmp_path / "out").startswith("3\n")
    assert (tmp_path / "out" / "set" / "dataset.json").exists()
    assert not (tmp_path / "out" / "b").exists()
    assert "done before: usnet phantom --count 2" in invoke("row", "--rows", rows, "--out", tmp_path / "out")


def test_unknown_rows_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fast-fold5"):
        invoke("nonsense", "--rows", ROWS)
    with pytest.raises(ConfigError, match="no such file"):
        invoke("--rows", tmp_path / "none.toml")


@pytest.mark.train
@pytest.mark.slow
def test_the_small_row_runs_on_phantoms(tmp_path: Path) -> None:
    assert invoke("phantoms", "--rows", ROWS, "--out", tmp_path / "row").startswith("0\n")
    assert (tmp_path / "row" / "report" / "report.html").exists()
