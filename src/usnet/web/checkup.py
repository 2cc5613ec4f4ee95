"""A server's database, accounts and audit log, looked at without changing them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from usnet.store import chain, jobs, migrate
from usnet.store.database import connect, reading
from usnet.web.settings import Settings
from usnet.web.tables import Account
from usnet.web.workplace import audit_key, has_administrator

Grade = Literal["good", "missing", "unsafe"]


def checkup(data: Path, database: str | None) -> Iterator[tuple[Grade, str]]:
    """Grades and sentences.

    Raises
    ------
    ConfigError
        The database's URL is malformed, or the audit key is damaged.
    """
    settings = Settings(data=data, database=database)
    if database is None and not (data / "usnet.sqlite").exists():
        yield "missing", "no database yet: 'usnet serve' makes it"
        return
    engine = connect(settings.database_url)
    try:
        found, newest = migrate.current(engine), migrate.newest()
    except SQLAlchemyError as error:
        yield "unsafe", f"the database does not answer ({type(error).__name__})"
        return
    if found != newest:
        yield "missing", f"the database is at step {found}, this version at {newest}: 'usnet serve' will bring it up"
        return
    yield "good", f"{engine.dialect.name} database at step {found}"
    with reading(engine) as session:
        people = session.scalar(select(func.count()).select_from(Account).where(Account.disabled.is_(False))) or 0
        dead = jobs.counts(session)["dead"]
    if has_administrator(engine):
        yield "good", f"{people} accounts, with an administrator among them"
    else:
        yield "missing", "no administrator: the server can be opened on this machine only"
    if dead:
        yield "missing", f"{dead} jobs failed for good; their reasons are on their exams' pages"
    if not (data / "audit.key").exists():
        yield "unsafe", "the audit log's key is gone: its signatures cannot be checked"
        return
    faults = audit_faults(data, database)
    if faults:
        yield "unsafe", f"the audit log was tampered with ({len(faults)} faults): see 'usnet audit verify'"
    else:
        yield "good", "the audit log is whole"


def audit_faults(
    data: Path, database: str | None, expected: tuple[int, str] | None = None, stream: str = "web"
) -> list[str]:
    """What is wrong with the audit logs of a server, in words. ``expected`` is a head of ``stream`` that was kept elsewhere."""
    engine = connect(Settings(data=data, database=database).database_url)
    key = audit_key(data)
    faults: list[str] = []
    with reading(engine) as session:
        for name in sorted({*chain.streams(session), stream}):
            faults += chain.verify(session, key, name, expected=expected if name == stream else None)
    return faults


def audit_heads(data: Path, database: str | None) -> dict[str, tuple[int, str]]:
    """The last row of each log: keep it elsewhere, and a log that is cut or written anew is found."""
    engine = connect(Settings(data=data, database=database).database_url)
    with reading(engine) as session:
        found = {name: chain.head(session, name) for name in chain.streams(session)}
    return {name: head for name, head in found.items() if head is not None}
