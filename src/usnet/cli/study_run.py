"""``usnet study`` on a server's data: start, invite, watch, pause, exclude, audit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from usnet.readers.place import Place

Data = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="The server's data folder; ~/.local/share/usnet if left out.")
]
Database = Annotated[str | None, typer.Option(metavar="URL", help="The server's database, if not the file in FOLDER.")]
Study = Annotated[str, typer.Argument(help="The study's id.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", help="Noted in the study's signed log.")]


def start(
    protocol: Annotated[Path, typer.Argument(help="Protocol (TOML).", show_default=False)],
    cases: Annotated[Path, typer.Argument(help="Folder of the cases.", show_default=False)],
    data: Data = None,
    database: Database = None,
) -> None:
    """Freeze the protocol, encode the cases, let the model read them. From here on nothing of it can change."""
    from usnet.cli.progress import bar
    from usnet.readers.protocol_file import read_protocol
    from usnet.readers.start import start as begin

    rules = read_protocol(protocol)
    with bar("cases") as progress:
        begin(_place(data, database), rules, cases, progress)
    typer.echo(f"{rules.study.id} has started. Invite readers with 'usnet study invite', and serve with 'usnet serve'.")


def invite(
    study: Study,
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV for mail merge, with the codes. Keep it safe.")],
    readers: Annotated[Path | None, typer.Option(help="CSV: name, email, language, panel, account.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Instead: so many readers without names.")] = None,
    panel: Annotated[str | None, typer.Option(help="With --count: panel they belong to.")] = None,
    address: Annotated[str, typer.Option(help="Address of the server in the letters.")] = "http://127.0.0.1:8000/study",
    data: Data = None,
    database: Database = None,
) -> None:
    """Make invitation codes, and the letters that carry them. The codes are in that file alone."""
    from usnet.errors import ConfigError
    from usnet.readers.enrolment import Person
    from usnet.readers.enrolment import invite as make
    from usnet.readers.letters import invitations, read_people, write_letters
    from usnet.readers.place import frozen

    if (readers is None) == (count is None):
        raise ConfigError("give --readers or --count, and not both")
    people = read_people(readers) if readers is not None else [Person(panel=panel)] * (count or 0)
    place = _place(data, database)
    made = make(place, study, people, _actor())
    write_letters(invitations(made, frozen(place, study).study.title, address), out)
    typer.echo(f"{out}: {len(made)} letters with codes")


def remind(
    study: Study,
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV for mail merge.")],
    days: Annotated[float, typer.Option(min=0, help="Readers who have not read for so many days.")] = 3.0,
    address: Annotated[str, typer.Option(help="Address of the server in the letters.")] = "http://127.0.0.1:8000/study",
    data: Data = None,
    database: Database = None,
) -> None:
    """Letters to readers who could read and have not for a while."""
    from usnet.readers.letters import reminders, write_letters
    from usnet.readers.organiser import reader_progress
    from usnet.readers.place import study_row
    from usnet.store.database import reading

    with reading(_place(data, database).engine) as session:
        title = study_row(session, study).title
        rows = reminders(reader_progress(session, study), title, address, quiet_days=days)
    write_letters(rows, out)
    typer.echo(f"{out}: {len(rows)} letters")


def listing(data: Data = None, database: Database = None) -> None:
    """All studies of this server."""
    from usnet.readers.organiser import studies
    from usnet.store.database import reading

    with reading(_place(data, database).engine) as session:
        for row in studies(session):
            typer.echo(f"{row.id}: {row.state}, {row.title}")


def status(study: Study, data: Data = None, database: Database = None) -> None:
    """Readers and answers by level. No answer and no score is shown."""
    from usnet.readers.organiser import progress
    from usnet.readers.place import study_row
    from usnet.reports.statistics import Grid, plain_text
    from usnet.store.database import reading

    with reading(_place(data, database).engine) as session:
        row = study_row(session, study)
        state, title = row.state, row.title
        found = progress(session, study)
    rows = tuple(
        (p.level, p.readers, p.waiting, p.reading, p.finished, p.excluded, f"{p.answers}/{p.due}") for p in found
    )
    headings = ("level", "readers", "not begun", "reading", "finished", "excluded", "cases read")
    typer.echo(plain_text(Grid(f"{title}: {state}", headings, rows)))


def pause(study: Study, reason: Reason, data: Data = None, database: Database = None) -> None:
    """Take no answers until 'usnet study resume'."""
    from usnet.readers import organiser

    organiser.pause(_place(data, database), study, _actor(), reason)


def resume(study: Study, reason: Reason = "", data: Data = None, database: Database = None) -> None:
    """Go on after a pause."""
    from usnet.readers import organiser

    organiser.resume(_place(data, database), study, _actor(), reason)


def end(study: Study, reason: Reason, data: Data = None, database: Database = None) -> None:
    """End the reading for good."""
    from usnet.readers import organiser

    organiser.end(_place(data, database), study, _actor(), reason)


def extend(
    study: Study,
    reason: Reason,
    until: Annotated[str | None, typer.Option(help="Last day (UTC), as 2026-12-31; none if left out.")] = None,
    data: Data = None,
    database: Database = None,
) -> None:
    """Set the day after which no answers are taken, or take that limit away."""
    from datetime import UTC, datetime

    from usnet.errors import ConfigError
    from usnet.readers import organiser

    try:
        closes = None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC).timestamp() + 86400
    except ValueError:
        raise ConfigError(f"--until {until!r}", expected="a day as 2026-12-31") from None
    organiser.extend(_place(data, database), study, _actor(), closes, reason)


def exclude(
    study: Study,
    reader: Annotated[int, typer.Argument(help="Number of the reader.")],
    reason: Reason,
    data: Data = None,
    database: Database = None,
) -> None:
    """Take a reader out of the study and of its analysis."""
    from usnet.readers import organiser

    organiser.exclude(_place(data, database), study, reader, _actor(), reason)


def waive_washout(
    study: Study,
    reader: Annotated[int, typer.Argument(help="Number of the reader.")],
    reason: Reason,
    data: Data = None,
    database: Database = None,
) -> None:
    """Open a reader's next part before the washout has passed; the log says so."""
    from usnet.readers import organiser

    organiser.waive_washout(_place(data, database), study, reader, _actor(), reason)


def replay(study: Study, data: Data = None, database: Database = None) -> None:
    """Prove that every stored order follows from the protocol's seed. Exit code 1 where one does not."""
    from usnet.readers.draws import GENERATOR
    from usnet.readers.order import VERSION
    from usnet.readers.verify import replay as again

    count, faults = again(_place(data, database), study)
    _told(faults, f"{count} rows of order are what seed, {VERSION} and {GENERATOR} give")


def verify(
    study: Study,
    head: Annotated[
        str | None, typer.Option(help="POSITION:SIGNATURE that was printed before and kept elsewhere.")
    ] = None,
    data: Data = None,
    database: Database = None,
) -> None:
    """Find any edit of answers, cases, truth, orders or protocol, also one made in the database. Exit code 1 where there is one."""
    from usnet.errors import ConfigError
    from usnet.readers.place import stream_of
    from usnet.readers.verify import verify as check
    from usnet.store import chain
    from usnet.store.database import reading

    place = _place(data, database)
    kept = None
    if head is not None:
        position, colon, signature = head.partition(":")
        if not colon or not position.isdigit():
            raise ConfigError(f"--head {head!r}", expected="POSITION:SIGNATURE")
        kept = (int(position), signature)
    faults = check(place, study, expected=kept)
    with reading(place.engine) as session:
        last = chain.head(session, stream_of(study))
    if last is not None:
        typer.echo(f"head {last[0]}:{last[1]}  (keep it elsewhere)")
    _told(faults, "nothing was changed")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    named: dict[str, Callable[..., Any]] = {"list": listing, "waive-washout": waive_washout}
    for command in (start, invite, remind, status, pause, resume, end, extend, exclude, replay, verify):
        app.command()(command)
    for name, command in named.items():
        app.command(name)(command)


def _told(faults: list[str], well: str) -> None:
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)
    typer.echo(well)


def _actor() -> str:
    """Who works at this terminal, for the log."""
    import getpass

    try:
        return f"terminal, {getpass.getuser()}"
    except (KeyError, OSError):
        return "terminal"


def _place(data: Path | None, database: str | None) -> Place:
    from usnet.extras import need

    need("sqlalchemy", "alembic", extra="store", feature="usnet study")
    from usnet.readers.place import default_folder, open_place

    return open_place((data or default_folder()).resolve(), database)
