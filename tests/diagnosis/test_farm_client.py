"""The command against a running cluster through its client port, as from a desk: ``ray start`` in processes of its own, so slow."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.tiny_bundle import tiny_bundle
from usnet.diagnosis.farm import STORE_BYTES

pytest.importorskip("ray", reason="needs the extra 'ray'")
pytestmark = pytest.mark.slow

IMAGES = 60
START = "import sys; from ray.scripts.scripts import main; sys.exit(main())"


@dataclass(frozen=True)
class Running:
    """A cluster's address, and the environment of those that may use it."""

    address: str
    environment: dict[str, str]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    """A head with two processors and a client port; only who has its token may use it."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    environment, port = os.environ | token, free_port()
    words = ["start", "--head", "--block", "--num-cpus=2", f"--object-store-memory={STORE_BYTES}"]
    words += ["--node-ip-address=127.0.0.1", f"--port={free_port()}", f"--ray-client-server-port={port}"]
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:  # Ray's sockets need a short path
        command = [sys.executable, "-c", START, *words, "--include-dashboard=false", f"--temp-dir={folder}"]
        head = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 180
            while not answers(port):
                if head.poll() is not None or time.monotonic() > deadline:
                    pytest.skip("Ray did not start, this machine may be too busy")
                time.sleep(0.5)
            yield Running(f"ray://127.0.0.1:{port}", environment)
        finally:
            head.send_signal(signal.SIGTERM)  # it ends what it started
            try:
                head.wait(90)
            except subprocess.TimeoutExpired:
                os.killpg(head.pid, signal.SIGKILL)
                head.wait()


def diagnose(environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "usnet", "diagnose", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=540)


def content(folder: Path) -> dict[str, object]:
    """Every file; of tables and JSON without what a clock says, of the report nothing."""
    found: dict[str, object] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "report.html"):
        lines = path.read_bytes().splitlines()
        if path.suffix == ".csv":
            clock = lines[0].split(b",").index(b"seconds")
            lines = [line.split(b",")[:clock] for line in lines]  # type: ignore[misc]
        found[str(path.relative_to(folder))] = [x for x in lines if b'"seconds"' not in x]
    return found


def test_a_cluster_gives_what_this_machine_gives(cluster: Running, tmp_path: Path) -> None:
    exam, bundle = tmp_path / "exam", tiny_bundle(tmp_path / "tiny")
    words = ["phantom", "--format", "dicom", "--count", str(IMAGES), "--size", "128x128", "--seed", "3", str(exam)]
    subprocess.run([sys.executable, "-m", "usnet", *words], check=True, capture_output=True, timeout=540)
    common = (exam / "images", "--bundle", bundle, "--threads", 1)
    plain = diagnose(cluster.environment, *common, "-o", tmp_path / "plain")
    assert plain.returncode == 0, plain.stderr
    theirs = diagnose(cluster.environment, *common, "-o", tmp_path / "there", "--engine-workers", cluster.address)
    assert theirs.returncode == 0, theirs.stderr
    assert f"{IMAGES} images" in theirs.stdout
    assert content(tmp_path / "there") == content(tmp_path / "plain")
    assert not (tmp_path / "there" / "parts").exists()


def test_without_its_token_the_cluster_is_silent_and_the_error_says_why(cluster: Running, tmp_path: Path) -> None:
    stranger = {k: v for k, v in cluster.environment.items() if not k.startswith("RAY_AUTH")}
    exam, bundle = tmp_path / "exam", tiny_bundle(tmp_path / "tiny")
    words = ["phantom", "--format", "dicom", "--count", "2", "--size", "128x128", str(exam)]
    subprocess.run([sys.executable, "-m", "usnet", *words], check=True, capture_output=True, timeout=540)
    refused = diagnose(stranger, exam, "--bundle", bundle, "-o", tmp_path / "out", "--engine-workers", cluster.address)
    assert refused.returncode == 2
    assert "no Ray cluster answers" in refused.stderr
    assert "RAY_AUTH_MODE=token" in refused.stderr
