"""Writes that share a commit: all on disk when they return, each undone alone, few commits for many writers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the extra web is not installed")
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from usnet.store import chain, migrate
from usnet.store.database import connect, reading
from usnet.store.together import MOST, Together

KEY = b"k" * 32


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'db.sqlite'}")
    migrate.upgrade(engine)
    return engine


def written(engine: Engine) -> list[int]:
    with reading(engine) as session:
        assert chain.verify(session, KEY, "s") == []
        return [entry.body["n"] for entry in chain.read(session, "s")]


def test_many_writers_share_commits(engine: Engine) -> None:
    together, commits = Together(engine), []
    event.listen(engine, "commit", lambda _connection: commits.append(1))
    held, entered = threading.Event(), threading.Event()

    def slow(session: Session) -> int:
        entered.set()
        assert held.wait(60)
        return add(session, -1)

    def add(session: Session, n: int) -> int:
        chain.append(session, KEY, "s", "a", "b", {"n": n})
        return n

    count = 3 * MOST
    with ThreadPoolExecutor(count + 1) as people:
        first = people.submit(together.write, slow)
        assert entered.wait(60)
        others = [people.submit(together.write, lambda session, n=n: add(session, n)) for n in range(count)]
        while len(together._waiting) < count:  # all wait behind the slow one
            threading.Event().wait(0.01)
        held.set()
        assert [first.result(), *(other.result() for other in others)] == [-1, *range(count)]
    assert sorted(written(engine)) == [-1, *range(count)]
    assert len(commits) == 1 + count // MOST


def test_one_that_fails_is_undone_alone(engine: Engine) -> None:
    together = Together(engine)

    def bad(session: Session) -> None:
        chain.append(session, KEY, "s", "a", "b", {"n": 13})
        raise ValueError("thirteen")

    together.write(lambda session: chain.append(session, KEY, "s", "a", "b", {"n": 1}))
    with pytest.raises(ValueError, match="thirteen"):
        together.write(bad)
    together.write(lambda session: chain.append(session, KEY, "s", "a", "b", {"n": 2}))
    assert written(engine) == [1, 2]


def test_a_commit_that_fails_is_told_to_all(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    together = Together(engine)

    @event.listens_for(engine, "commit", once=True)
    def full(_connection: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        together.write(lambda session: chain.append(session, KEY, "s", "a", "b", {"n": 1}))
    together.write(lambda session: chain.append(session, KEY, "s", "a", "b", {"n": 2}))
    assert written(engine) == [2]
