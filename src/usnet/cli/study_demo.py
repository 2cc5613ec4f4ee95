"""``usnet study demo``: the paper's study on phantoms with simulated readers, through the real pages."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to keep: data, report, exports. Nothing if left out.")
    ] = None,
    readers: Annotated[
        int | None,
        typer.Option(min=4, max=343, help="Physicians; 343 as in the paper if left out. Experts are always six."),
    ] = None,
    per_class: Annotated[int, typer.Option(min=4, max=500, help="Cases of each class.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of phantoms, order and readers.")] = 1,
    bundle: Annotated[str, typer.Option(help="Model that reads too.")] = "usnet-fast",
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty PostgreSQL database; SQLite if left out.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="With --out: also write the whole report.")] = False,
) -> None:
    """Simulate 343 readers and 6 experts on 100 phantoms, with the model, through a server on loopback; print Tables 1 and 2.

    Shows that the whole machine works. The readers are made up: nothing here says how people or the model read.
    """
    import asyncio
    import os

    from usnet.extras import need

    need("fastapi", "uvicorn", "sqlalchemy", extra="web", feature="usnet study demo")
    from usnet.readers.analysis.tables import paper_tables
    from usnet.readers.place import open_place
    from usnet.readers.readings import collect
    from usnet.readers.simulation.demo import Scale, demo_protocol, make_cases, run_study
    from usnet.readers.start import start
    from usnet.readers.verify import replay, verify

    scale = Scale(per_class, seed=seed) if readers is None else Scale.small(readers, per_class, seed)
    begin = time.monotonic()

    def say(words: str) -> None:
        typer.echo(f"[{time.monotonic() - begin:6.1f} s] {words}", err=True)

    with _folder(out) as folder:
        protocol = demo_protocol(scale, bundle)
        say(f"simulating phantoms for {protocol.cases.total} cases")
        make_cases(folder, protocol, scale.seed, os.cpu_count() or 1)
        place = open_place(folder / "data", database)
        say("starting the study: cases encoded, the model reads")
        start(place, protocol, folder / "cases")
        with _server(folder / "data", database) as port:
            say(f"{sum(g.readers for g in scale.groups)} readers read at http://127.0.0.1:{port}/study")
            tally = asyncio.run(run_study(port, place, protocol, scale, say))
        say(f"{len(tally.receipts)} answers committed; checking the log and the orders")
        faults = verify(place, protocol.study.id) + replay(place, protocol.study.id)[1]
        data = collect(place, protocol.study.id)
        typer.echo(paper_tables(data))
        typer.echo("\nThe readers are simulated and the images are phantoms: a demonstration, no evidence.")
        typer.echo("; ".join(faults) or "The log verifies, and every order follows from the seed.")
        if report and out is not None:
            from usnet.readers.report import write_report

            write_report(data, out / "report")
            say(f"report in {out / 'report'}")
        say("done")
    if faults:
        raise typer.Exit(1)


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    from usnet.errors import ConfigError

    if out is not None:
        if out.exists() and any(out.iterdir()):
            raise ConfigError("is not empty", source=out, hint="Name a new folder")
        out.mkdir(parents=True, exist_ok=True)
        yield out.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="usnet-study-") as name:
        yield Path(name)


@contextmanager
def _server(data: Path, database: str | None) -> Iterator[int]:
    """The study server in a process of its own; its port."""
    command = [sys.executable, "-m", "usnet.web.study.alone", str(data), database or ""]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.strip().isdigit():
            from usnet.errors import ConfigError

            raise ConfigError("the study server did not start", hint="See its message above")
        yield int(line)
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
