"""The numbered steps on SQLite and on a real PostgreSQL: a database with rows in it goes forth and back and keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="the extra web is not installed")
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from usnet.store import chain, migrate
from usnet.store.database import WRITING, connect, reading, writing
from usnet.store.tables import Base

KEY = b"k" * 32
STEPS = [f"{number:04d}" for number in range(1, int(migrate.newest()) + 1)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    if request.param == "postgresql":
        pytest.importorskip("pg8000", reason="the extra postgres is not installed")
        made = connect(request.getfixturevalue("postgres_url"))
    else:
        made = connect(f"sqlite:///{tmp_path / 'db.sqlite'}")
    yield made
    made.dispose()


def go(engine: Engine, revision: str) -> None:
    """To a revision, up or down, as an administrator would with alembic."""
    config = migrate._config()
    up = revision != "base" and revision > (migrate.current(engine) or "")
    with engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, revision)
    assert migrate.current(engine) == (None if revision == "base" else revision)


def run(engine: Engine, statement: str, **values: Any) -> list[Any]:
    with writing(engine) as session:
        found = session.execute(text(statement), values)
        return [tuple(row) for row in found] if found.returns_rows else []


def before_identities(engine: Engine) -> None:
    """What a server at 0005 had: two accounts, a browser that signed in, an exam, and a signed log."""
    go(engine, "0005")
    for key, name in (("a" * 32, "Anna"), ("b" * 32, "李")):
        run(
            engine,
            "INSERT INTO account (id, name, name_key, password, role, disabled, created_at) "
            "VALUES (:id, :name, :key, '!', 'annotator', :no, 1.5)",
            id=key, name=name, key=name.casefold(), no=False,
        )  # fmt: skip
    run(
        engine,
        "INSERT INTO web_session (token, account, created_at, expires_at) VALUES (:t, :a, 1, 9e9)",
        t="c" * 64,
        a="a" * 32,
    )
    run(
        engine,
        "INSERT INTO exam (id, owner, title, state, done, created_at) VALUES (:id, :o, 't', 'open', 0, 2)",
        id="d" * 32,
        o="a" * 32,
    )
    with writing(engine) as session:
        for number in range(3):
            chain.append(session, KEY, "web", "a" * 32, "login", {"n": number})


def kept(engine: Engine) -> dict[str, list[Any]]:
    """The rows of :func:`before_identities`, and that its log still holds."""
    with reading(engine) as session:
        assert chain.verify(session, KEY, "web") == []
        assert [entry.body["n"] for entry in chain.read(session, "web")] == [0, 1, 2]
    return {table: run(engine, f"SELECT * FROM {table} ORDER BY 1") for table in ("account", "web_session", "exam")}


def add_identity(engine: Engine, key: str, subject: str, account: str | None) -> None:
    run(
        engine,
        "INSERT INTO identity (id, issuer, subject, name, account, created_at, seen_at) "
        "VALUES (:id, 'https://id.example.org', :subject, 'Li', :account, 1, 1)",
        id=key * 32,
        subject=subject,
        account=account,
    )


def test_sign_in_by_subject_comes_to_a_database_in_use(engine: Engine) -> None:
    before_identities(engine)
    rows = kept(engine)
    assert [row[1] for row in rows["account"]] == ["Anna", "李"]
    assert migrate.upgrade(engine) == migrate.newest()
    assert kept(engine) == rows
    for room in ("web", "web.annotate", "readers", "pacs"):
        import_module(f"usnet.{room}.tables")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    add_identity(engine, "1", "s" * 255, "a" * 32)
    add_identity(engine, "2", "waits", None)
    with pytest.raises(IntegrityError):
        add_identity(engine, "3", "waits", None)
    with pytest.raises(IntegrityError):
        add_identity(engine, "4", "of nobody", "f" * 32)
    run(engine, "DELETE FROM account WHERE id = :a", a="a" * 32)
    assert run(engine, "SELECT subject FROM identity") == [("waits",)], "an account's identities go with it"


def test_back_and_forth_again(engine: Engine) -> None:
    """Down to 0005 loses who the provider sent, and nothing else."""
    before_identities(engine)
    rows = kept(engine)
    migrate.upgrade(engine)
    add_identity(engine, "1", "li", "b" * 32)
    go(engine, "0005")
    assert "identity" not in inspect(engine).get_table_names()
    assert kept(engine) == rows
    migrate.upgrade(engine)
    assert kept(engine) == rows
    assert run(engine, "SELECT * FROM identity") == []


def test_every_step_can_be_taken_back(engine: Engine) -> None:
    seen: dict[str, set[str]] = {}
    for revision in STEPS:
        go(engine, revision)
        seen[revision] = set(inspect(engine).get_table_names())
    assert seen["0006"] - seen["0005"] == {"identity"}
    for revision in reversed(STEPS[:-1]):
        go(engine, revision)
        assert set(inspect(engine).get_table_names()) == seen[revision]
    go(engine, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    assert migrate.upgrade(engine) == STEPS[-1]
