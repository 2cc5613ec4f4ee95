"""The audit finds every edit, also one made straight in the database; the replay proves the orders."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from reader_studies import begin, crossover, protocol, read_all, readers
from sqlalchemy import text

from usnet.readers import organiser
from usnet.readers.place import Place, open_place, stream_of
from usnet.readers.verify import replay, verify
from usnet.store import chain
from usnet.store.database import reading, writing


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder of a study with two readers who have read one part, and one who has begun."""
    tmp = tmp_path_factory.mktemp("audit")
    place, study = begin(tmp, protocol(**crossover(), ai={"bundle": "x"}), ai=True)
    one, two, three = readers(place, study, ["RP", "RP", "expert"])
    for reader, most in ((one, 99), (two, 99), (three, 3)):
        read_all(place, study, reader.number, lambda s: {"decision": "malignant", "probability": 60 + s.position}, most)
    organiser.pause(place, study, "tests", "to look")
    assert verify(place, study) == []
    assert replay(place, study) == (3 * (14 + 12), [])
    place.engine.dispose()
    return tmp / "data"


def _copy(finished: Path, tmp_path: Path) -> Place:
    shutil.copytree(finished, tmp_path / "data")
    return open_place(tmp_path / "data")


EDITS = {
    "an answer": "update chain set body = replace(body, 'malignant', 'benign') where action = 'answer' and position = 4",
    "an answer's time": "update chain set time = '2020-01-01T00:00:00.000+00:00' where action = 'answer' and position = 4",
    "a removed answer": "delete from chain where stream = 'study/small/1' and position = 4",
    "a removed reader's log": "delete from chain where stream = 'study/small/3'",
    "keys of answers": "delete from study_answer where reader = 3",
    "a moved key": "update study_answer set position = position + 20 where reader = 3 and position = 2",
    "truth": "update study_truth set label = case label when 'benign' then 'malignant' else 'benign' end where name = 'C0001'",
    "the model's reading": "update study_finding set probability = 0.99 where name = 'C0001'",
    "protocol": "update study set protocol = replace(protocol, '\"washout_days\": 28', '\"washout_days\": 7')",
    "the protocol's hash": "update study set protocol_sha256 = 'x'",
    "order": "update study_slot set name = 'C0001' where reader = 3 and position = 5",
    "arm": "update study_slot set arm = 'aided' where reader = 3",
    "a profile": "update study_reader set level = 'expert' where number = 1",
    "years": "update study_reader set years = 30 where number = 1",
    "an exclusion": "update study_reader set state = 'excluded' where number = 2",
    "an end": "update study set state = 'ended'",
    "a reader who was not invited": "insert into study_reader select study, 77, 'c', account, name, email, language, state, "
    "reason, years, level, place, sex, age_band, panel, sequence, period, position, step, opens_at, opened_at, last_at "
    "from study_reader where number = 1",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_in_the_database_is_found(finished: Path, tmp_path: Path, edit: str) -> None:
    place = _copy(finished, tmp_path)
    place.engine.dispose()
    with sqlite3.connect(tmp_path / "data" / "usnet.sqlite") as connection:  # as somebody with the file and a SQL shell
        assert connection.execute(EDITS[edit]).rowcount
    assert verify(place, "small"), edit


def test_a_swapped_image_is_found(finished: Path, tmp_path: Path) -> None:
    place = _copy(finished, tmp_path)
    name = next(iter(place.blobs))
    place.blobs.path(name).write_bytes(b"another picture")
    assert any("image of case" in fault for fault in verify(place, "small"))


def test_a_log_that_was_rolled_back_is_found_by_the_finished_period(finished: Path, tmp_path: Path) -> None:
    """The end of a log cut off, its head set back to a signature that was once right, and the keys removed with it."""
    place = _copy(finished, tmp_path)
    with writing(place.engine) as session:
        stream = "study/small/1"
        before = session.scalar(text(f"select signature from chain where stream = '{stream}' and position = 10"))
        session.execute(text(f"delete from chain where stream = '{stream}' and position > 10"))
        session.execute(text(f"update chain_head set position = 10, signature = '{before}' where stream = '{stream}'"))
        session.execute(text("delete from study_answer where reader = 1 and entry > 10"))
    assert any("period 1 was finished" in fault for fault in verify(place, "small"))


def test_a_head_kept_elsewhere_ties_the_study_down(finished: Path, tmp_path: Path) -> None:
    place = _copy(finished, tmp_path)
    with reading(place.engine) as session:
        head = chain.head(session, stream_of("small"))
    assert head is not None
    assert verify(place, "small", expected=head) == []
    assert verify(place, "small", expected=(head[0], "0" * 64))


def test_replay_finds_an_order_that_the_seed_does_not_give(finished: Path, tmp_path: Path) -> None:
    place = _copy(finished, tmp_path)
    with writing(place.engine) as session:
        names = (
            session.execute(text("select name from study_slot where reader = 2 and period = 1 order by position"))
            .scalars()
            .all()
        )
        for position, name in enumerate(reversed(names)):
            session.execute(
                text("update study_slot set name = :n where reader = 2 and period = 1 and position = :p"),
                {"n": name, "p": position},
            )
    _, faults = replay(place, "small")
    assert len(faults) == 1
    assert "reader 2" in faults[0]
