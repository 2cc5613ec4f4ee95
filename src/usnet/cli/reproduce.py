"""``usnet reproduce``: a row of BENCHMARKS.md as the commands that make it, run one after another."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from usnet.errors import ConfigError

DONE = "steps-done.txt"


def reproduce(
    row: Annotated[str | None, typer.Argument(help="Name of the row; left out, the rows are listed.")] = None,
    data: Annotated[
        Path, typer.Option(help="Folder with the published sets as their authors lay them out: BUSBRA, BrEaST, ...")
    ] = Path(),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for everything that the row makes.")] = None,
    rows: Annotated[Path, typer.Option(help="File of rows; the repository's by default.")] = Path(
        "benchmarks/rows.toml"
    ),
    dry: Annotated[bool, typer.Option("--dry-run", help="Print the commands, run none.")] = False,
) -> None:
    """Run the commands behind a row of BENCHMARKS.md from a checkout of the repository.

    Steps that were done are not done again, and an interrupted training is resumed: give the same command again. The exit code is
    that of the step that failed.
    """
    known = _read(rows)
    if row is None:
        for name, entry in known.items():
            typer.echo(f"{name}: {entry['says']}")
        return
    if row not in known:
        raise ConfigError(f"no row {row!r}", source=rows, expected=f"one of {', '.join(known)}")
    place = out or Path("reproduced") / row
    names = {"data": data.resolve(), "out": place.resolve(), "configs": rows.resolve().parent.parent / "configs"}
    steps = [
        [part.format_map({k: str(v) for k, v in names.items()}) for part in shlex.split(s)] for s in known[row]["steps"]
    ]
    if dry:
        typer.echo("\n".join(shlex.join(["usnet", *step]) for step in steps))
        return
    place.mkdir(parents=True, exist_ok=True)
    _run(steps, place / DONE)


def _read(rows: Path) -> dict[str, dict[str, Any]]:
    try:
        return tomllib.loads(rows.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            "no such file", source=rows, hint="Run this in a checkout of the repository, or name --rows"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not TOML ({error})", source=rows) from error


def _run(steps: list[list[str]], done: Path) -> None:
    """Run what is not done; a step is done when its command ended well and its line is in ``done``."""
    finished = done.read_text(encoding="utf-8").splitlines() if done.exists() else []
    for step in steps:
        line = shlex.join(["usnet", *step])
        if line in finished:
            typer.echo(f"done before: {line}")
            continue
        typer.echo(f"$ {line}")
        code = subprocess.run([sys.executable, "-m", "usnet", *step, *_resumed(step)], check=False).returncode
        if code:
            raise typer.Exit(code)
        with done.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _resumed(step: list[str]) -> list[str]:
    """``--resume`` for a training that left a checkpoint."""
    if step[0] != "train":
        return []
    run = Path(step[step.index("--out") + 1])
    return ["--resume"] if (run / "checkpoints" / "last.ckpt").exists() else []
