"""``usnet account``: accounts of the workplace from the terminal, for machines without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="account", help="Accounts of the workplace that 'usnet serve' opens.", no_args_is_help=True)
Data = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="The server's folder; ~/.local/share/usnet if left out.")
]
Database = Annotated[str | None, typer.Option(metavar="URL", help="The server's database, if it is not in the folder.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What the person signs in with.")],
    role: Annotated[
        str, typer.Option(metavar="viewer|annotator|reader|administrator", help="What the person may do.")
    ] = "viewer",
    data: Data = None,
    database: Database = None,
) -> None:
    """Add an account. The password is asked for, or read as one line from standard input."""
    import sys

    from usnet.extras import need

    need("sqlalchemy", "argon2", "prometheus_client", extra="web", feature="usnet account")
    from usnet.store.database import writing
    from usnet.web import accounts
    from usnet.web.guard import audit
    from usnet.web.settings import Settings, default_folder
    from usnet.web.workplace import open_workplace

    place = open_workplace(Settings(data=(data or default_folder()).resolve(), database=database))
    asked = sys.stdin.isatty()
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if asked else sys.stdin.readline()
    with writing(place.engine) as session:
        account = accounts.create(session, name, password.rstrip("\r\n"), role)  # type: ignore[arg-type]
        audit(session, place, None, "account made", account=account.id, role=role, by="terminal")
    typer.echo(f"{account.name} may sign in as {role}.")
