"""A server that is killed at random moments while four readers save without a pause: nothing acknowledged is lost or made twice."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import re
import signal
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from helpers.annotation import body, dataset, image_ids, make, mark
from helpers.web_client import browser, workplace
from usnet.store import chain
from usnet.store.database import reading
from usnet.web.annotate.projects import stream_of
from usnet.web.annotate.saving import history

READERS = 4
logger = logging.getLogger(__name__)


def serve(data: str, listener: socket.socket) -> None:
    """A server process; it is forked from one that has imported everything, so that it is up at once."""
    import uvicorn

    from usnet.web.app import create_app
    from usnet.web.settings import Settings

    app = create_app(Settings(data=Path(data), workers=0))
    uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off")).run(sockets=[listener])


class Reader(threading.Thread):
    """Saves versions of one image, each until it is acknowledged, and remembers what was."""

    def __init__(self, url: str, project: str, image: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._url, self._project, self._image, self._over = url, project, image, stop
        self.acknowledged: dict[int, Any] = {}
        self.retries = 0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            token, version = self._token(client), 0
            while not self._over.is_set():
                said = body(mark((version % 60, 1, 20, 20), "benign", "3"))
                sent = {"key": str(uuid.uuid4()), "version": version, "finished": True, "body": said}
                if not self._insist(client, token, sent):
                    return
                version += 1
                self.acknowledged[version] = said

    def _token(self, client: Any) -> str:
        while True:
            try:
                page = client.get("/annotate", headers={"accept": "text/html"}).text
                return re.search(r'name="csrf" content="(\w+)"', page)[1]  # type: ignore[index]
            except httpx.HTTPError:
                time.sleep(0.05)

    def _insist(self, client: Any, token: str, sent: dict[str, Any]) -> bool:
        path = f"/api/annotate/{self._project}/images/{self._image}"
        while True:
            try:
                answer = client.put(path, json=sent, headers={"x-csrf-token": token, "accept": "application/json"})
                assert answer.status_code == 200, answer.text
                assert answer.json()["version"] == sent["version"] + 1
                return True
            except httpx.HTTPError:
                self.retries += 1
                if self._over.is_set():
                    return False
                time.sleep(0.02)


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_nothing_acknowledged_is_lost(tmp_path: Path, kills: int) -> None:
    (tmp_path / "root").mkdir()
    dataset(tmp_path / "root", READERS)
    place = workplace(tmp_path / "data", roots=(str(tmp_path / "root"),))
    project = make(browser(place), place, start="empty")
    images = image_ids(place, project)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    context, stop, rng = multiprocessing.get_context("forkserver"), threading.Event(), random.Random(kills)
    context.set_forkserver_preload(["usnet.web.app", "uvicorn"])
    readers = [Reader(url, project, image, stop) for image in images]
    for reader in readers:
        reader.start()
    for number in range(kills + 1):
        server = context.Process(target=serve, args=(str(tmp_path / "data"), listener), daemon=True)
        server.start()
        before = sum(len(reader.acknowledged) for reader in readers)
        end = time.monotonic() + 120
        while sum(len(r.acknowledged) for r in readers) < before + 3 and time.monotonic() < end:
            time.sleep(0.005)  # kill a server that saves, not one that starts
        time.sleep(rng.uniform(0, 0.3))
        if number == kills:
            stop.set()
            for reader in readers:
                reader.join(60)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.join()
    listener.close()
    saves = {image: reader.acknowledged for image, reader in zip(images, readers, strict=True)}
    logger.info(
        "%d kills, %s saves, %d sent again", kills, [len(s) for s in saves.values()], sum(r.retries for r in readers)
    )
    assert any(r.retries for r in readers)  # a kill between two saves cuts none
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, stream_of(project)) == []
        for image, acknowledged in saves.items():
            past = history(session, project, image, None)
            on_disk = {change.version: change.body for change in past}
            assert len(on_disk) == len(past) or len(past) == 1000, "a version was made twice"
            wanted = {v: said for v, said in acknowledged.items() if v in on_disk or len(past) < 1000}
            for version, said in wanted.items():
                assert on_disk[version]["marks"][0]["box"] == [float(v) for v in said["marks"][0]["box"]]
            assert max(on_disk) - max(acknowledged) in (0, 1), "at most the one save that nobody acknowledged is more"
    place.engine.dispose()
