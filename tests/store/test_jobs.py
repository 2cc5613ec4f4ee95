"""Jobs run at least once, are never lost, and end done or dead with a reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from usnet.store import jobs
from usnet.store.database import connect, reading, writing
from usnet.store.jobs import Job
from usnet.store.migrate import upgrade
from usnet.store.worker import Refused, work


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    upgrade(engine)
    return engine


def submit(engine: Engine, count: int, most_attempts: int = 5) -> None:
    with writing(engine) as session:
        for i in range(count):
            jobs.submit(session, "read", f"k{i}", {"i": i}, most_attempts=most_attempts)


def run_until_settled(engine: Engine, handler: Callable[[Job], dict[str, int] | None], lease: float = 60.0) -> None:
    stop = threading.Event()
    thread = threading.Thread(
        target=work, args=(engine, {"read": handler}, stop), kwargs={"lease": lease, "poll": 0.01, "base": 0.001}
    )
    thread.start()
    for _ in range(3000):
        with reading(engine) as session:
            states = jobs.counts(session, "read")
        if not states["queued"] and not states["running"]:
            break
        time.sleep(0.01)
    stop.set()
    thread.join()


def test_a_key_is_submitted_once(engine: Engine) -> None:
    submit(engine, 3)
    submit(engine, 4)
    with reading(engine) as session:
        assert [j.payload["i"] for j in jobs.find(session, "read")] == [0, 1, 2, 3]


def test_every_job_is_claimed_by_one_worker(engine: Engine, in_threads: Callable[..., None]) -> None:
    submit(engine, 30)
    claimed: list[int] = []

    def take(i: int) -> None:
        job = jobs.claim(engine, ["read"], f"worker {i}")
        assert job is not None
        claimed.append(job.id)

    in_threads(take, 30)
    assert len(set(claimed)) == 30
    assert jobs.claim(engine, ["read"], "late") is None


def test_other_kinds_are_left_alone(engine: Engine) -> None:
    submit(engine, 1)
    assert jobs.claim(engine, ["write"], "w") is None


def test_results_and_reasons_are_kept(engine: Engine) -> None:
    submit(engine, 4, most_attempts=2)

    def handle(job: Job) -> dict[str, int] | None:
        i = job.payload["i"]
        if i == 1:
            raise Refused("not an image")
        if i == 2:
            raise ValueError("always")
        if i == 3 and job.attempts == 1:
            raise ValueError("once")
        return {"i": i}

    run_until_settled(engine, handle)
    with reading(engine) as session:
        found = jobs.find(session, "read")
    assert [(j.state, j.attempts, j.result) for j in found] == [
        ("done", 1, {"i": 0}),
        ("dead", 1, None),
        ("dead", 2, None),
        ("done", 2, {"i": 3}),
    ]
    assert found[1].reason == "Refused: not an image"
    assert found[2].reason == "ValueError: always"


def test_a_lost_lease_does_not_count(engine: Engine) -> None:
    submit(engine, 1)
    slow = jobs.claim(engine, ["read"], "slow", lease=-1)
    quick = jobs.claim(engine, ["read"], "quick")
    assert slow is not None
    assert quick is not None
    assert quick.id == slow.id
    assert quick.attempts == 2
    assert not jobs.finish(engine, slow, "slow", {"who": "slow"})
    assert not jobs.extend(engine, slow, "slow")
    assert jobs.finish(engine, quick, "quick", {"who": "quick"})
    with reading(engine) as session:
        settled = jobs.get(session, slow.id)
    assert settled is not None
    assert settled.result == {"who": "quick"}


def test_the_same_worker_that_lost_and_regained_a_job_settles_only_the_new_attempt(engine: Engine) -> None:
    submit(engine, 1)
    first = jobs.claim(engine, ["read"], "w", lease=-1)
    second = jobs.claim(engine, ["read"], "w")
    assert first is not None
    assert second is not None
    assert not jobs.fail(engine, first, "w", "late")
    assert jobs.finish(engine, second, "w")


def test_a_job_whose_workers_all_died_is_dead_and_can_be_revived(engine: Engine) -> None:
    submit(engine, 1, most_attempts=2)
    for i in range(2):
        assert jobs.claim(engine, ["read"], f"w{i}", lease=-1) is not None
    assert jobs.claim(engine, ["read"], "w3") is None
    with writing(engine) as session:
        (dead,) = jobs.find(session, "read", state="dead")
        assert dead.reason == "its worker w1 died in attempt 2"
        assert jobs.revive(session, "read", "k0")
        assert not jobs.revive(session, "read", "nothing")
    assert jobs.claim(engine, ["read"], "w4") is not None


def test_a_long_job_keeps_its_lease(engine: Engine) -> None:
    submit(engine, 1)
    runs: list[int] = []

    def slow(job: Job) -> None:
        runs.append(job.attempts)
        time.sleep(0.5)
        assert jobs.claim(engine, ["read"], "thief") is None

    run_until_settled(engine, slow, lease=0.3)
    assert runs == [1]


WORKER = """
import sys, threading
from usnet.store.database import connect, writing
from usnet.store.worker import work
engine = connect(sys.argv[1])
def handle(job):
    with open(sys.argv[2], "a") as file:
        file.write(f"{job.payload['i']}\\n")
    return {}
work(engine, {"read": handle}, threading.Event(), lease=0.3, poll=0.01)
"""


def test_no_job_is_lost_when_workers_are_killed(engine: Engine, tmp_path: Path) -> None:
    submit(engine, 150, most_attempts=50)
    command = [sys.executable, "-c", WORKER, str(engine.url), str(tmp_path / "ran.txt")]
    for _ in range(4):
        worker = subprocess.Popen(command)
        time.sleep(1.2)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    run_until_settled(engine, lambda job: None)
    with reading(engine) as session:
        assert jobs.counts(session) == {"queued": 0, "running": 0, "done": 150, "dead": 0}
