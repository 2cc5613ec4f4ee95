"""Group commit: many works in one transaction, each with its own answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from usnet.readers.commits import Commits
from usnet.readers.place import Place, StudyError
from usnet.store.blobs import Blobs
from usnet.store.database import connect, reading, writing


@pytest.fixture
def commits(tmp_path: Path) -> Commits:
    engine = connect(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with writing(engine) as session:
        session.execute(text("create table t (n integer primary key)"))
    made = Commits(Place(engine, b"k" * 32, Blobs(tmp_path / "blobs")))
    made.engine = engine  # type: ignore[attr-defined]
    yield made  # type: ignore[misc]
    made.close()


def _add(n: int):
    def work(session: Session) -> int:
        session.execute(text("insert into t values (:n)"), {"n": n})
        return n

    return work


def test_what_is_refused_or_fails_does_not_touch_the_others(commits: Commits) -> None:
    def refuse(_session: Session) -> int:
        raise StudyError("no")

    futures = [commits.submit(w) for w in (_add(1), refuse, _add(2), _add(1), _add(3))]
    assert [futures[i].result(20) for i in (0, 2, 4)] == [1, 2, 3]
    with pytest.raises(StudyError):
        futures[1].result(20)
    with pytest.raises(IntegrityError):
        futures[3].result(20)
    with reading(commits.engine) as session:  # type: ignore[attr-defined]
        assert session.execute(text("select n from t order by n")).scalars().all() == [1, 2, 3]


def test_closing_finishes_what_waits(commits: Commits) -> None:
    futures = [commits.submit(_add(n)) for n in range(200)]
    commits.close()
    assert [f.result(0) for f in futures] == list(range(200))
