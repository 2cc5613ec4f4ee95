"""Connections, transactions and migrations."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from usnet.errors import ConfigError, DataError
from usnet.store import migrate
from usnet.store.database import connect, reading, writing
from usnet.store.tables import Base


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'store.sqlite'}")
    migrate.upgrade(engine)
    return engine


def test_migrations_make_the_tables_that_the_code_declares(engine: Engine) -> None:
    for room in ("web", "web.annotate", "readers", "pacs"):
        import_module(f"usnet.{room}.tables")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    assert migrate.upgrade(engine) == migrate.current(engine) == migrate.newest()


def test_processes_that_start_together_migrate_once(tmp_path: Path, in_threads: Callable[..., None]) -> None:
    url = f"sqlite:///{tmp_path / 'together.sqlite'}"
    in_threads(lambda _: migrate.upgrade(connect(url)), 8)
    assert migrate.current(connect(url)) == migrate.newest()


def test_a_newer_database_is_refused(engine: Engine) -> None:
    with writing(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataError, match="newer usnet"):
        migrate.upgrade(engine)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite"):
        connect(url)


def test_a_reader_sees_one_state_and_does_not_wait(engine: Engine) -> None:
    count = text("SELECT count(*) FROM job")
    insert = text(
        "INSERT INTO job (kind, key, state, payload, attempts, most_attempts, available_at, created_at) "
        "VALUES ('a', 'b', 'queued', '{}', 0, 1, 0, 0)"
    )
    with reading(engine) as before:
        assert before.scalar(count) == 0
        with writing(engine) as session:
            session.execute(insert)
        assert before.scalar(count) == 0
    with reading(engine) as after:
        assert after.scalar(count) == 1


def test_writers_queue(engine: Engine) -> None:
    """Each transaction reads, waits, and writes what it read plus one: lost updates would show."""
    with writing(engine) as session:
        session.execute(text("CREATE TABLE counter (n INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))

    def add() -> None:
        with writing(engine) as session:
            n = session.scalar(text("SELECT n FROM counter"))
            session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=add) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as session:
        assert session.scalar(text("SELECT n FROM counter")) == 20
