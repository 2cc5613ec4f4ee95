"""kill -9 of server and workers: what was acknowledged is there, and no job is stuck."""

from __future__ import annotations

import io
import os
import random
import re
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from helpers.tiny_bundle import dark_spots, tiny_bundle
from helpers.web_server import Server, serving

pytest.importorskip("onnx", reason="onnx makes the tests' small model")


def _client(server: Server) -> httpx.Client:
    client = httpx.Client(base_url=server.url, timeout=60)
    token = re.search(r'name="csrf" content="([0-9a-f]+)"', client.get("/").text)
    assert token
    client.headers["x-csrf-token"] = token[1]
    return client


def _picture(darkness: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(dark_spots(darkness=(darkness,))).save(buffer, format="PNG")
    return buffer.getvalue()


def _settled(client: httpx.Client, exam: str) -> Any:
    for _ in range(1200):
        status = client.get(f"/api/exams/{exam}").json()
        if status["state"] in ("done", "failed"):
            return status
        time.sleep(0.1)
    raise AssertionError(f"stuck: {status}")


def _workers(server: Server) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"\nPPid:\t{server.process.pid}\n" in status.read_text():
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found


def _storm(data: Path, bundle: Path, rounds: int, rng: random.Random) -> tuple[int, int]:
    """Save and upload while server or worker are killed; returns how much was acknowledged, and checks that it is all there."""
    saved: dict[str, tuple[int, str]] = {}
    exams: list[str] = []
    path = ""
    for number in range(rounds + 1):
        with serving(data, "--workers", "1", "--bundle", str(bundle)) as server, closing(_client(server)) as client:
            if not path:
                exams.append(client.post("/api/diagnose", content=_picture(10)).json()["exam"])
                view = _settled(client, exams[0])["views"][0]["view"]
                path = f"/api/exams/{exams[0]}/views/{view}/assessment"
            versions = client.get(path).json()
            if saved:
                assert versions["version"] >= saved["last"][0], "an acknowledged save is lost"
                if versions["version"] == saved["last"][0]:
                    assert versions["fields"]["remarks"] == saved["last"][1]
            if number == rounds:
                break
            end = time.monotonic() + rng.uniform(0.1, 1.0)
            exams.append(client.post("/api/diagnose", content=_picture(11 + number % 100)).json()["exam"])
            version = versions["version"]
            least = version + 3  # also where the machine is too busy for one in that time
            while time.monotonic() < end or version < least:
                text = f"round {number} version {version}"
                answer = client.put(path, json={"version": version, "fields": {"remarks": text}})
                assert answer.status_code == 200, answer.text
                version = answer.json()["version"]
                saved["last"] = (version, text)
            if rng.random() < 0.5:
                for worker in _workers(server):
                    os.kill(worker, signal.SIGKILL)
                assert client.get("/healthz").status_code == 200
                _settled(client, exams[-1])
            server.kill()
    with serving(data, "--workers", "1", "--bundle", str(bundle)) as server, closing(_client(server)) as client:
        for exam in exams:
            assert _settled(client, exam)["state"] == "done"
        history = client.get(path + "/history").json()
        assert [v["version"] for v in history] == list(range(len(history), 0, -1))
        assert len(history) >= saved["last"][0]
    return saved["last"][0], len(exams)


def test_killed_twice(tmp_path: Path) -> None:
    """Of a server, and of its worker too; each start costs seconds, so the many kills are below."""
    bundle = tiny_bundle(tmp_path / "tiny")
    saves, exams = _storm(tmp_path / "data", bundle, 2, random.Random(4))
    assert saves > 2
    assert exams == 3
    from usnet.web.checkup import audit_faults

    assert audit_faults(tmp_path / "data", None) == []


@pytest.mark.slow
def test_killed_fifty_times(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    saves, exams = _storm(tmp_path / "data", bundle, 50, random.Random(5))
    assert saves > 50
    assert exams == 51


def test_workers_end_with_their_server(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    with serving(tmp_path / "data", "--workers", "2", "--bundle", str(bundle)) as server:
        with closing(_client(server)) as client:
            exam = client.post("/api/diagnose", content=_picture(9)).json()["exam"]
            _settled(client, exam)
        workers = _workers(server)
        assert len(workers) == 2
        server.kill()
        for _ in range(300):
            if not any(Path(f"/proc/{pid}").exists() for pid in workers):
                break
            time.sleep(0.1)
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_another_address_needs_an_administrator(tmp_path: Path) -> None:
    import subprocess
    import sys

    data = str(tmp_path / "data")
    command = [sys.executable, "-m", "usnet", "serve", "--host", "0.0.0.0", "--port", "0", "--data", data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "no administrator exists" in done.stderr
    assert "usnet account add" in done.stderr
    add = [sys.executable, "-m", "usnet", "account", "add", "Anna", "--role", "administrator", "--data", data]
    made = subprocess.run(
        add, input="a long enough password\n", capture_output=True, text=True, timeout=120, check=False
    )
    assert made.returncode == 0, made.stderr
    with serving(tmp_path / "data", "--login", "--workers", "1") as server:
        answer = httpx.get(server.url + "/", headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/")
        assert "token" not in server.log.read_text()


def test_the_first_run_token_is_printed(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--login", "--workers", "1") as server:
        for _ in range(100):
            if "token" in server.log.read_text():
                break
            time.sleep(0.1)
        token = server.log.read_text().strip().rpartition(": ")[2]
        with httpx.Client(base_url=server.url, follow_redirects=True, headers={"accept": "text/html"}) as client:
            page = client.get("/")
            assert page.url.path == "/setup"
            csrf = re.search(r'name="csrf" content="([0-9a-f]+)"', page.text)[1]  # type: ignore[index]
            form = {"csrf": csrf, "token": token, "name": "Anna", "password": "a long enough password"}
            assert client.post("/setup", data=form).url.path == "/"
