"""Opens the database: SQLite in WAL mode by default, PostgreSQL by its URL."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from usnet.errors import ConfigError
from usnet.extras import need

WRITING = "usnet_writing"
"""Execution option of a connection that will write: SQLite then takes its lock at the start, so that two writers queue
instead of failing half-way."""

_LONGEST = 30
_PATIENT, _LOOK = 5.0, 0.002
"""Seconds that a writer waits: in all, looking often, and between two looks."""

TURN = "usnet_turn"
"""Execution option of a SQLite engine: the lock that the writing threads of one process queue for."""


def connect(url: str, *, pool_size: int = 20) -> Engine:
    """An engine for ``sqlite:///FILE`` or ``postgresql://USER@HOST/DATABASE``. No table is made: see :mod:`usnet.store.migrate`.

    SQLite commits are synced to disk before they are acknowledged (``synchronous=FULL``), foreign keys are checked, and a
    writer waits up to 30 s for another.

    Raises
    ------
    ConfigError
        The URL is malformed or names another database.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise ConfigError(
            f"database URL {url!r}", expected="sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        ) from None
    backend = address.get_backend_name()
    if backend == "sqlite":
        return _sqlite(address, pool_size)
    if backend == "postgresql":
        return _postgresql(address, pool_size)
    raise ConfigError(f"database {backend!r}", expected="sqlite or postgresql")


def _postgresql(address: URL, pool_size: int) -> Engine:
    need("pg8000", extra="postgres", feature="a PostgreSQL database")
    from usnet.store.postgres import Direct

    engine = create_engine(
        address.set(drivername="postgresql+pg8000"),
        pool_size=pool_size,
        max_overflow=pool_size + 10,
        pool_pre_ping=True,
    )
    engine.dialect.use_insertmanyvalues_wo_returning = True  # many rows in one round trip, not one each

    @event.listens_for(engine, "do_connect")
    def connect_directly(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        return Direct(*arguments, **named)

    return engine


def _sqlite(address: URL, pool_size: int) -> Engine:
    engine = create_engine(
        address,
        pool_size=pool_size,
        max_overflow=pool_size,
        # The driver's own transactions begin too late and never lock early: 'begin' below does it.
        connect_args={"timeout": _LONGEST, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={1000 * _LONGEST}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITING, False):
            _lock(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    # SQLite lets waiting writers poll, and some poll in vain for seconds; the threads of one process take turns instead.
    return engine.execution_options(**{TURN: threading.Lock()})


def _lock(connection: Connection) -> None:
    """Begin to write. SQLite's own waiting for another process sleeps up to 100 ms between two looks, and a commit takes a few:
    this looks every 2 ms first."""
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA busy_timeout=0")
    try:
        end = time.monotonic() + _PATIENT
        while time.monotonic() < end:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                time.sleep(_LOOK)
    finally:
        driver.execute(f"PRAGMA busy_timeout={1000 * _LONGEST}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # waits on, and says what is wrong


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Wait for this process's turn to write, 30 s at most; then the database's own waiting decides."""
    lock: threading.Lock | None = engine.get_execution_options().get(TURN)
    if lock is None:
        yield
        return
    held = lock.acquire(timeout=_LONGEST)
    try:
        yield
    finally:
        if held:
            lock.release()


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session whose changes are committed together at the end, or not at all if an error is raised.

    On return the changes are on disk.
    """
    with (
        _turn(engine),
        engine.connect().execution_options(**{WRITING: True}) as connection,
        connection.begin(),
        Session(bind=connection, expire_on_commit=False) as session,
    ):
        yield session
        session.flush()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that sees one state of the database and changes nothing; it never waits for a writer."""
    with engine.connect() as connection, Session(bind=connection, expire_on_commit=False) as session:
        yield session
        session.expunge_all()  # a rollback would empty the rows that were read; so they can be used afterwards
        session.rollback()
