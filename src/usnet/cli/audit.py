"""``usnet audit``: check and export the workplace's signed log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.errors import ConfigError

app = typer.Typer(name="audit", help="The workplace's signed log: who did what and when.", no_args_is_help=True)
Data = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="The server's folder; ~/.local/share/usnet if left out.")
]
Database = Annotated[str | None, typer.Option(metavar="URL", help="The server's database, if it is not in the folder.")]


@app.command()
def verify(
    data: Data = None,
    database: Database = None,
    kept: Annotated[
        str | None,
        typer.Option(metavar="LOG:POSITION:SIGNATURE", help="A line of 'usnet audit head' that you kept elsewhere."),
    ] = None,
) -> None:
    """Check every row of every log against its signature: changed, inserted, moved and missing rows are found.

    Exit code: 0 the logs are whole, 1 they are not.
    """
    from usnet.web.checkup import audit_faults, audit_heads

    place = _place(data, database)
    log, expected = _kept(kept)
    faults = audit_faults(place, database, expected, log)
    for fault in faults:
        typer.echo(fault)
    if faults:
        typer.echo(f"{len(faults)} faults: the log is not what was written.")
        raise typer.Exit(1)
    heads = audit_heads(place, database)
    rows = sum(position + 1 for position, _ in heads.values())
    typer.echo(f"{rows} rows in {len(heads)} logs, all as they were signed.")


@app.command()
def head(data: Data = None, database: Database = None) -> None:
    """Print the last row of each log. Kept elsewhere, it proves later that nothing before it was changed or cut off."""
    from usnet.web.checkup import audit_heads

    for name, (position, signature) in audit_heads(_place(data, database), database).items():
        typer.echo(f"{name}:{position}:{signature}")


@app.command()
def show(
    data: Data = None,
    database: Database = None,
    log: Annotated[str, typer.Option(help="Which log.")] = "web",
    start: Annotated[int, typer.Option(min=0, help="From this row on.")] = 0,
) -> None:
    """Print a log as JSON lines: time (UTC), actor's id, action, and the ids it was about."""
    import json
    from dataclasses import asdict

    from usnet.store import chain
    from usnet.store.database import connect, reading
    from usnet.web.settings import Settings

    place = _place(data, database)
    with reading(connect(Settings(data=place, database=database).database_url)) as session:
        for entry in chain.read(session, log, start=start):
            typer.echo(json.dumps(asdict(entry), ensure_ascii=True))


def _place(data: Path | None, database: str | None) -> Path:
    from usnet.extras import need

    need("sqlalchemy", "argon2", "prometheus_client", extra="web", feature="usnet audit")
    from usnet.web.settings import default_folder

    place = (data or default_folder()).resolve()
    if not (place / "audit.key").exists() or (database is None and not (place / "usnet.sqlite").exists()):
        raise ConfigError(
            "holds no server's log", source=place, hint="Name the folder that 'usnet serve' uses with --data"
        )
    return place


def _kept(text: str | None) -> tuple[str, tuple[int, str] | None]:
    if text is None:
        return "web", None
    log, _, rest = text.strip().partition(":")
    position, _, signature = rest.partition(":")
    if not position.isdecimal() or len(signature) != 64:
        raise ConfigError(f"{text[:100]!r}", expected="a line of 'usnet audit head', as web:41:9f3c...")
    return log, (int(position), signature)
