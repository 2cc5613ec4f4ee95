"""The signed log: what is written is read, and every edit is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from usnet.errors import ConfigError
from usnet.store import chain
from usnet.store.database import connect, reading, writing
from usnet.store.migrate import upgrade

KEY = bytes(range(32))
STREAM = "answers/a"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'log.sqlite'}")
    upgrade(engine)
    with writing(engine) as session:
        for i in range(5):
            chain.append(session, KEY, STREAM, "reader 1", "answer", {"case": i, "said": "malignant"})
            chain.append(session, KEY, "other", "system", "note", {"i": i})
    return engine


def verify(engine: Engine, **options: tuple[int, str]) -> list[str]:
    with reading(engine) as session:
        return chain.verify(session, KEY, STREAM, **options)


def test_what_is_written_is_read_and_verifies(engine: Engine) -> None:
    with reading(engine) as session:
        entries = list(chain.read(session, STREAM, start=2))
        assert chain.streams(session) == [STREAM, "other"]
    assert [e.position for e in entries] == [2, 3, 4]
    assert entries[0].body == {"case": 2, "said": "malignant"}
    assert verify(engine) == []


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE chain SET body = replace(body, 'malignant', 'benign') WHERE position = 2", "row 2"),
        ("UPDATE chain SET actor = 'reader 2' WHERE position = 0", "row 0"),
        ("UPDATE chain SET time = '2020-01-01T00:00:00.000+00:00' WHERE position = 4", "row 4"),
        ("DELETE FROM chain WHERE stream = 'answers/a' AND position = 1", "rows 1 to 1 are missing"),
        ("DELETE FROM chain WHERE stream = 'answers/a' AND position = 4", "the end was cut"),
        ("DELETE FROM chain WHERE stream = 'answers/a'", "the end was cut"),
        ("UPDATE chain SET stream = 'answers/a', position = 5 WHERE stream = 'other' AND position = 0", "row 5"),
        (
            "INSERT INTO chain SELECT stream, 5, time, actor, action, body, signature FROM chain "
            "WHERE stream = 'answers/a' AND position = 4",
            "row 5",
        ),
    ],
)
def test_an_edit_in_the_database_is_found(engine: Engine, statement: str, says: str) -> None:
    with writing(engine) as session:
        session.execute(text(statement))
    assert any(says in fault for fault in verify(engine))


def test_a_log_signed_with_another_key_does_not_verify(engine: Engine) -> None:
    with reading(engine) as session:
        assert len(chain.verify(session, bytes(32), STREAM)) == 5


def test_a_head_kept_elsewhere_shows_a_log_written_anew(engine: Engine) -> None:
    with reading(engine) as session:
        kept = chain.head(session, STREAM)
    assert kept is not None
    with writing(engine) as session:
        chain.append(session, KEY, STREAM, "reader 1", "answer", {"case": 5})
    assert verify(engine, expected=kept) == []
    with writing(engine) as session:
        session.execute(text("DELETE FROM chain"))
        session.execute(text("DELETE FROM chain_head"))
        chain.append(session, KEY, STREAM, "reader 1", "answer", {"case": 0})
    assert verify(engine) == []
    assert verify(engine, expected=kept) != []


def test_nothing_is_written_when_the_transaction_fails(engine: Engine) -> None:
    def write_and_fail() -> None:
        with writing(engine) as session:
            chain.append(session, KEY, STREAM, "reader 1", "answer", {"case": 9})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with reading(engine) as session:
        assert chain.head(session, STREAM) == (4, list(chain.read(session, STREAM))[-1].signature)


def test_the_key_is_private_stays_and_is_checked(tmp_path: Path) -> None:
    place = tmp_path / "chain.key"
    key = chain.load_key(place)
    assert chain.load_key(place) == key
    assert place.stat().st_mode & 0o777 == 0o600
    place.write_bytes(b"short")
    with pytest.raises(ConfigError, match="5 bytes"):
        chain.load_key(place)


def test_threads_write_one_stream_without_gaps(engine: Engine, in_threads: Callable[..., None]) -> None:
    def write(i: int) -> None:
        with writing(engine) as session:
            chain.append(session, KEY, STREAM, f"reader {i}", "answer", {"i": i})

    in_threads(write, 40)
    with reading(engine) as session:
        entries = list(chain.read(session, STREAM))
    assert [e.position for e in entries] == list(range(45))
    assert {e.body["i"] for e in entries[5:]} == set(range(40))
    assert verify(engine) == []
