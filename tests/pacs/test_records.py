"""The node's memory: every step may be repeated, and nothing that was noted is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from more_servers import Postgres
from sqlalchemy import Engine

from usnet.pacs import records
from usnet.pacs.records import Header, Received
from usnet.pacs.spool import OutOfSpace, Spool, valid_uid
from usnet.pacs.tables import ResultRow
from usnet.store import jobs
from usnet.store.database import connect
from usnet.store.migrate import upgrade


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = connect(f"sqlite:///{tmp_path / 'node.db'}")
    else:
        engine = connect(request.getfixturevalue("postgres").fresh())
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    if Postgres.missing():
        pytest.skip(Postgres.missing())
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


def take(engine: Engine, number: int, *, study: int = 1) -> int:
    """Receive and sort one object; its id."""
    records.receive(engine, Received(f"{number:064x}", 10, f"1.2.{number}", "1.2.840.10008.5.1.4.1.1.6.1", "SCANNER"))
    ids = [instance for instance, digest in records.unsorted(engine) if digest == f"{number:064x}"]
    records.sort(engine, [(ids[0], Header(f"1.9.{study}", "1.8", f"1.2.{number}"))])
    return ids[0]


def result(instance: int, uid: str) -> ResultRow:
    facts = {"kind": "sr", "sop_class_uid": "1.2", "series_uid": "1.3", "sha256": "f" * 64, "size": 1, "stored": True}
    return ResultRow(sop_instance_uid=uid, instance_id=instance, **facts)


def answer(engine: Engine, instance: int) -> None:
    records.save_results(engine, instance, [result(instance, f"2.25.{instance}")])
    records.verified(engine, [f"2.25.{instance}"], [instance])


def test_a_study_becomes_one_job_when_it_is_quiet(engine: Engine) -> None:
    first, second = take(engine, 1), take(engine, 2)
    assert records.close_quiet(engine, 60.0, 5) == 0
    assert records.close_quiet(engine, 0.0, 5) == 1
    assert records.close_quiet(engine, 0.0, 5) == 0
    job = jobs.claim(engine, [records.STUDY_JOB], "me")
    assert job is not None
    assert job.payload == {"study": "1.9.1", "round": 1}
    assert [row.id for row in records.in_round(engine, "1.9.1", 1)] == [first, second]


def test_a_late_object_makes_a_round_of_its_own(engine: Engine) -> None:
    take(engine, 1)
    records.close_quiet(engine, 0.0, 5)
    late = take(engine, 2)
    assert records.close_quiet(engine, 0.0, 5) == 1
    assert [row.id for row in records.in_round(engine, "1.9.1", 2)] == [late]


def test_the_same_object_again_is_looked_at_again_but_is_no_second_one(engine: Engine) -> None:
    instance = take(engine, 1)
    records.close_quiet(engine, 0.0, 5)
    answer(engine, instance)
    assert records.counts(engine)["objects answered"] == 1
    assert take(engine, 1) == instance
    assert records.close_quiet(engine, 0.0, 5) == 1
    assert [row.id for row in records.in_round(engine, "1.9.1", 2)] == [instance]
    assert [row.sop_instance_uid for row in records.results_of(engine, [instance])] == [f"2.25.{instance}"]


def test_the_same_object_while_it_waits_changes_nothing(engine: Engine) -> None:
    take(engine, 1)
    records.close_quiet(engine, 0.0, 5)
    records.receive(engine, Received(f"{1:064x}", 10, "1.2.1", "1.2", "SCANNER"))
    assert records.unsorted(engine) == []
    assert records.close_quiet(engine, 0.0, 5) == 0


def test_a_study_that_was_given_up_is_taken_up_when_it_is_sent_again(engine: Engine) -> None:
    take(engine, 1)
    records.close_quiet(engine, 0.0, 1)
    job = jobs.claim(engine, [records.STUDY_JOB], "me")
    assert job is not None
    jobs.fail(engine, job, "me", "the archive is away", final=True)
    (letter,) = records.dead_letters(engine)
    assert (letter.kind, letter.what, letter.reason) == ("study", "1.9.1", "the archive is away")
    records.receive(engine, Received(f"{1:064x}", 10, "1.2.1", "1.2", "SCANNER"))
    assert records.dead_letters(engine) == []
    assert jobs.claim(engine, [records.STUDY_JOB], "me") is not None


def test_an_unreadable_object_is_a_dead_letter_until_it_is_retried(engine: Engine) -> None:
    records.receive(engine, Received("a" * 64, 10, "1.2.7", "1.2", "SCANNER"))
    ((instance, _),) = records.unsorted(engine)
    records.sort(engine, [(instance, "no header")])
    (letter,) = records.dead_letters(engine)
    assert (letter.kind, letter.what, letter.reason) == ("object", "1.2.7", "no header")
    records.retry(engine, letter, 5)
    assert records.unsorted(engine) == [(instance, "a" * 64)]


def test_what_is_discarded_is_gone(engine: Engine, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", quota_mib=10, reserve_mib=0)
    digest, size = spool.keep([b"image"], 100)
    records.receive(engine, Received(digest, size, "1.2.3", "1.2", "SCANNER"))
    take(engine, 1, study=2)
    ((bad, _),) = records.unsorted(engine)
    records.sort(engine, [(bad, "no header")])
    records.close_quiet(engine, 0.0, 1)
    job = jobs.claim(engine, [records.STUDY_JOB], "me")
    assert job is not None
    jobs.fail(engine, job, "me", "the archive is away", final=True)
    letters = records.dead_letters(engine)
    assert sorted(letter.kind for letter in letters) == ["object", "study"]
    for letter in letters:
        records.discard(engine, spool, letter)
    assert records.dead_letters(engine) == []
    assert digest not in spool.blobs
    assert sum(number for name, number in records.counts(engine).items() if name.startswith(("objects", "jobs"))) == 0


def test_own_results_are_never_diagnosed(engine: Engine) -> None:
    instance = take(engine, 1)
    records.save_results(engine, instance, [result(instance, "1.2.5")])
    records.receive(engine, Received(f"{5:064x}", 10, "1.2.5", "1.2", "ARCHIVE"))
    ((back, _),) = records.unsorted(engine)
    records.sort(engine, [(back, Header("1.9.1", "1.8", "1.2.5"))])
    (letter,) = records.dead_letters(engine)
    assert "own results" in letter.reason


def test_bytes_go_when_they_are_answered_and_old(engine: Engine, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", quota_mib=10, reserve_mib=0)
    digest, size = spool.keep([b"image"], 100)
    other, _ = spool.keep([b"waiting"], 100)
    for one in (digest, other):
        records.receive(engine, Received(one, size, f"1.2.{len(one)}", "1.2", "SCANNER"))
    (first, _), (second, _) = records.unsorted(engine)
    records.sort(engine, [(first, Header("1.9", "1.8", "1.2.3")), (second, Header("1.9", "1.8", "1.2.4"))])
    records.close_quiet(engine, 0.0, 5)
    answer(engine, first)
    assert records.prune(engine, spool, time.time() - 60) == 0
    assert records.prune(engine, spool, time.time() + 60) == 1
    assert digest not in spool.blobs
    assert other in spool.blobs
    assert records.prune(engine, spool, time.time() + 60) == 0


def test_the_quota_counts_what_is_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path, quota_mib=1, reserve_mib=0)
    digest, _ = spool.keep([b"x" * (1 << 20)], 1 << 21)
    with pytest.raises(OutOfSpace):
        spool.check_space(1)
    assert Spool(tmp_path, quota_mib=1, reserve_mib=0).used == 1 << 20
    spool.blobs.remove(digest)
    spool.recount()
    spool.check_space(1)
    with pytest.raises(OutOfSpace, match="reserve_mib"):
        Spool(tmp_path, quota_mib=1, reserve_mib=1 << 40).check_space()


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1.2.840.10008.1.1", True),
        ("2.25." + "9" * 39, True),
        ("0.0", True),
        ("1", False),
        ("", False),
        ("1.02", False),
        ("1..2", False),
        ("../1.2", False),
        ("1.2/3", False),
        ("1.2\n", False),
        ("1.2\0", False),
        ("1." + "2" * 63, False),
        ("١.٢", False),
    ],
)
def test_uids(text: str, right: bool) -> None:
    assert valid_uid(text) is right
