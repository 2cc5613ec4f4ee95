"""kill -9 of the server and of its workers while people annotate, ask for suggestions and send images.

Nothing that was acknowledged is lost, and no job is stuck.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select
from test_annotate_kills import Reader

from helpers.annotation import dataset, image_ids, make
from helpers.tiny_bundle import dark_spots, tiny_bundle
from helpers.web_client import browser, workplace
from usnet.store import chain, jobs
from usnet.store.database import reading
from usnet.store.tables import JobRow
from usnet.web.annotate.projects import SUGGEST, stream_of
from usnet.web.annotate.saving import history
from usnet.web.annotate.tables import Image as ImageRow
from usnet.web.workplace import Workplace

pytest.importorskip("onnx", reason="onnx makes the tests' small model")

READERS, IMAGES = 3, 60
PATIENCE = 600.0
"""Seconds until something must have happened, on a machine that is busy with other things."""
logger = logging.getLogger(__name__)


def serve(settings: Any, listener: socket.socket) -> None:
    """A server with a supervisor and real workers, as ``usnet serve`` has them."""
    import uvicorn

    from usnet.web.app import create_app
    from usnet.web.supervisor import Supervisor
    from usnet.web.workplace import open_workplace

    place = open_workplace(settings)
    Supervisor(place).start()
    uvicorn.Server(uvicorn.Config(create_app(settings, place), log_level="critical", lifespan="off")).run(
        sockets=[listener]
    )


class Asker(Reader):
    """Sends images to be diagnosed and asks for suggestions in turn; remembers what was accepted."""

    def __init__(self, url: str, project: str, images: list[str], stop: threading.Event) -> None:
        super().__init__(url, project, images[0], stop)
        self._images = images
        self.exams: list[str] = []
        self.suggestions: set[int] = set()

    def run(self) -> None:
        rng = np.random.default_rng(1)
        with httpx.Client(base_url=self._url, timeout=10) as client:
            headers = {"x-csrf-token": self._token(client), "accept": "application/json"}
            while not self._over.is_set():
                picture = dark_spots().copy()
                picture[:4, :4] = rng.integers(0, 255, (4, 4))
                self._ask(client, f"/api/annotate/{self._project}/images/{rng.choice(self._images)}/suggest", headers)
                self._ask(client, "/api/diagnose", headers, _png(picture))
                time.sleep(0.2)

    def _ask(self, client: httpx.Client, path: str, headers: dict[str, str], content: bytes | None = None) -> None:
        try:
            answer = client.post(path, content=content, headers=headers)
        except httpx.HTTPError:
            self.retries += 1
            time.sleep(0.05)
            return
        assert answer.status_code in (202, 429), answer.text
        if answer.status_code == 429:
            time.sleep(0.5)
        elif content is None:
            self.suggestions.add(answer.json()["job"])
        else:
            self.exams.append(answer.json()["exam"])


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def _workers() -> dict[str, int]:
    """Process ids of workers by their names, which are their last argument."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        if "usnet.web.worker" in words:
            found[words[-2]] = int(path.parent.name)
    return found


def _busy(place: Workplace) -> int | None:
    """Process id of a worker in the midst of a job."""
    with reading(place.engine) as session:
        query = select(JobRow.worker).where(JobRow.state == "running", JobRow.available_at > time.time())
        names = session.scalars(query).all()
    workers = _workers() if names else {}
    return next((workers[name] for name in names if name in workers), None)


def _until(condition: Any, what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"stuck: {what}"
        time.sleep(0.02)
    return found


class Storm:
    """A server on one address that is started again whenever it was killed; ``killed`` counts."""

    def __init__(self, place: Workplace, listener: socket.socket, seed: int) -> None:
        self._place, self._listener, self._rng = place, listener, random.Random(seed)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["usnet.web.app", "uvicorn"])
        self.killed = {"server": 0, "worker": 0}
        self._start()

    def _start(self) -> None:
        arguments = (self._place.settings, self._listener)
        self._server = self._context.Process(target=serve, args=arguments, daemon=True)
        self._server.start()

    def kill_server(self) -> None:
        time.sleep(self._rng.uniform(0, 0.3))
        self.end()
        self._start()
        self.killed["server"] += 1

    def kill_worker(self) -> None:
        """One that is in the midst of a job."""
        os.kill(_until(lambda: _busy(self._place), "a worker with a job"), signal.SIGKILL)
        self.killed["worker"] += 1

    def strike(self, number: int) -> None:
        """First the server, then a worker, then either."""
        worker = self._rng.random() < 0.7 if number > 1 else number == 1
        (self.kill_worker if worker else self.kill_server)()

    def end(self) -> None:
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.join()


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_server_and_workers_are_killed(tmp_path: Path, kills: int) -> None:
    (tmp_path / "root").mkdir()
    dataset(tmp_path / "root", IMAGES)
    bundle, workers = str(tiny_bundle(tmp_path / "tiny")), 1 + (kills > 2)
    place = workplace(tmp_path / "data", roots=(str(tmp_path / "root"),), bundle=bundle, workers=workers)
    project = make(browser(place), place, start="empty")
    images = image_ids(place, project)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        url, stop = f"http://127.0.0.1:{listener.getsockname()[1]}", threading.Event()
        readers = [Reader(url, project, image, stop) for image in images[:READERS]]
        asker = Asker(url, project, images[READERS:], stop)
        for thread in (*readers, asker):
            thread.start()
        storm = Storm(place, listener, kills)
        try:
            for number in range(kills):
                before = _saves(readers)
                _until(lambda before=before: _saves(readers) >= before + 3, "saves")
                storm.strike(number)
            stop.set()
            for thread in (*readers, asker):
                thread.join(60)
            _until(lambda: _settled(place), "jobs")
            with httpx.Client(base_url=url, timeout=60) as client:
                states = [client.get(f"/api/exams/{exam}").json() for exam in asker.exams]
        finally:
            stop.set()
            storm.end()
    sent = len(asker.exams), len(asker.suggestions)
    logger.info("killed %s: %d saves, %d exams, %d suggestions", storm.killed, _saves(readers), *sent)
    assert min(storm.killed.values()) > 0
    _nothing_is_lost(place, project, readers)
    _every_job_came_to_an_end(place, asker, states)
    place.engine.dispose()


def _saves(readers: list[Reader]) -> int:
    return sum(len(reader.acknowledged) for reader in readers)


def _settled(place: Workplace) -> bool:
    with reading(place.engine) as session:
        found = jobs.counts(session)
    return found["queued"] + found["running"] == 0


def _nothing_is_lost(place: Workplace, project: str, readers: list[Reader]) -> None:
    with reading(place.engine) as session:
        for stream in (stream_of(project), "web"):
            assert chain.verify(session, place.audit_key, stream) == []
        for reader in readers:
            on_disk = {change.version: change.body for change in history(session, project, reader._image, None)}
            newest = max(reader.acknowledged)
            assert max(on_disk) - newest in (0, 1), "at most the one save that nobody acknowledged is more"
            for version in set(on_disk) & set(reader.acknowledged):
                wanted = reader.acknowledged[version]["marks"][0]["box"]
                assert on_disk[version]["marks"][0]["box"] == [float(v) for v in wanted]


def _every_job_came_to_an_end(place: Workplace, asker: Asker, states: list[Any]) -> None:
    """Done, or failed with a reason where a worker died three times over one job."""
    assert asker.exams
    assert asker.suggestions
    for status in states:
        assert status["state"] == "done" or (status["state"] == "failed" and "died" in status["reason"]), status
    assert sum(status["state"] == "done" for status in states) > len(states) // 2
    with reading(place.engine) as session:
        rows = {row.id: row for row in session.scalars(select(JobRow).where(JobRow.kind == SUGGEST))}
        assert asker.suggestions <= set(rows)
        for row in rows.values():
            assert row.state == "done" or "died" in (row.reason or ""), row.reason
            if row.state == "done":
                assert session.get_one(ImageRow, row.key).suggestions is not None
