"""Many rows in one statement, on either database; and PostgreSQL asked once for each statement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import DBAPIError

from usnet.store import chain, migrate
from usnet.store.bulk import add_rows
from usnet.store.database import connect, reading, writing
from usnet.store.tables import Head, JobRow, Link, table_of

KEY = b"k" * 32
AWKWARD = (
    "",
    "NULL",
    "it's",
    'a "quote"',
    "back\\slash \\u0041",
    "line\nbreak\ttab",
    "{1,2}",
    "乳腺 ≥ 25",
    "%s :name $1",
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_server").database() if postgres else f"sqlite:///{tmp_path / 'a.sqlite'}"
    made = connect(url)
    migrate.upgrade(made)
    yield made
    made.dispose()


def _statements(engine: Engine) -> list[str]:
    seen: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    return seen


def test_rows_come_back_as_they_were_given(engine: Engine) -> None:
    rows: list[dict[str, Any]] = [
        {"kind": "k", "key": str(n), "state": "done", "payload": words, "result": words or None, "attempts": n}
        | {"most_attempts": 3, "available_at": 0.1 + n * 1e9, "created_at": 1e-7 * n}
        for n, words in enumerate(AWKWARD)
    ]
    with writing(engine) as session:
        add_rows(session.connection(), table_of(JobRow), rows)
        add_rows(session.connection(), table_of(JobRow), [])
    with reading(engine) as session:
        found = session.execute(select(table_of(JobRow)).order_by(table_of(JobRow).c.attempts)).mappings().all()
    assert [{name: row[name] for name in rows[0]} for row in found] == rows


def test_replacing_overwrites_rows_of_the_same_key(engine: Engine) -> None:
    with writing(engine) as session:
        connection, heads = session.connection(), table_of(Head)
        add_rows(connection, heads, [{"stream": "a", "position": 1, "signature": "x"}])
        moved = [{"stream": s, "position": 2, "signature": "y"} for s in "ab"]
        add_rows(connection, heads, moved, replace=True)
        with pytest.raises(DBAPIError), connection.begin_nested():
            add_rows(connection, heads, moved)
    with reading(engine) as session:
        assert session.execute(select(heads).order_by(heads.c.stream)).all() == [("a", 2, "y"), ("b", 2, "y")]


def test_a_batch_takes_as_many_statements_as_one_row(engine: Engine) -> None:
    counts = []
    seen = _statements(engine)
    for size in (1, 60):
        seen.clear()
        with writing(engine) as session:
            rows = [(f"s{size}/{n}", "me", "add", {"words": AWKWARD[n % len(AWKWARD)]}) for n in range(size)]
            chain.append_many(session, KEY, rows)
        counts.append(len(seen))
    assert counts[0] == counts[1]
    with reading(engine) as session:
        assert len(session.scalars(select(Link.stream)).all()) == 61
        assert [fault for s in chain.streams(session) for fault in chain.verify(session, KEY, s)] == []


def test_a_refused_statement_leaves_the_connection_usable(engine: Engine) -> None:
    with engine.connect() as connection:
        for wrong in ("SELECT nothing_there", "SELEC 1", "SELECT CAST(:n AS integer) FROM no_such_table"):
            with pytest.raises(DBAPIError):
                connection.execute(text(wrong), {"n": 1} if ":n" in wrong else {})
            connection.rollback()
        assert connection.execute(text("SELECT CAST(:n AS integer) + 1"), {"n": 41}).scalar() == 42
        assert connection.execute(text("SELECT 1 WHERE :n = 2"), {"n": 1}).all() == []


@pytest.mark.postgres
def test_postgresql_is_asked_once_for_a_statement(postgres_server: Any) -> None:
    asked = []
    engine = connect(postgres_server.database())
    with engine.connect() as connection:
        line = connection.connection.dbapi_connection
        wait = line.handle_messages
        line.handle_messages = lambda context: (asked.append(context.statement), wait(context))
        connection.execute(text("SELECT CAST(:n AS integer)"), {"n": 1})
        assert [words.split()[0] for words in asked] == ["begin", "SELECT"]
        connection.commit()
        assert len(asked) == 3
    engine.dispose()


@pytest.mark.postgres
def test_a_connection_that_the_server_broke_off_is_replaced_without_a_word(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    engine = connect(request.getfixturevalue("postgres_server").database())
    kept = engine.connect()
    number = kept.execute(text("select pg_backend_pid()")).scalar_one()
    with engine.connect() as other:
        other.execute(text("select pg_terminate_backend(:number)"), {"number": number})
    with pytest.raises(DBAPIError):
        kept.execute(text("select 1"))
    kept.invalidate()
    with engine.connect() as fresh:
        assert fresh.execute(text("select 1")).scalar_one() == 1
    engine.dispose()
    assert [record.message for record in caplog.records] == []
