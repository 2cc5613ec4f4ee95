"""Files and senders that mean harm, against a running server with real workers: refused with words, and the server lives on."""

from __future__ import annotations

import io
import random
import re
import socket
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image

from helpers.tiny_bundle import dark_spots, tiny_bundle
from helpers.tiny_dicom import write_dicom
from helpers.web_server import Server, serving

pytest.importorskip("onnx", reason="onnx makes the tests' small model")
MEMORY = 1 << 30


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    bundle = tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")
    with serving(tmp_path_factory.mktemp("hostile") / "data", "--workers", "1", "--bundle", str(bundle)) as running:
        yield running


@pytest.fixture
def client(hostile: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hostile.url, timeout=120) as client:
        token = re.search(r'name="csrf" content="([0-9a-f]+)"', client.get("/").text)
        assert token
        client.headers["x-csrf-token"] = token[1]
        yield client


def diagnosed(client: httpx.Client, content: bytes, name: str = "x") -> Any:
    """Upload, and wait for the end of the job."""
    answer = client.post("/api/diagnose", content=content, headers={"x-file-name": name})
    assert answer.status_code == 202, answer.text
    for _ in range(2400):
        status = client.get(answer.json()["status"]).json()
        if status["state"] in ("done", "failed"):
            return status
        time.sleep(0.05)
    raise AssertionError(f"stuck: {status}")


def workers_peak(server: Server) -> int:
    """Largest resident memory that a worker ever had, in bytes."""
    peaks = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if f"\nPPid:\t{server.process.pid}\n" in text:
            peaks.append(1024 * int(re.search(r"VmHWM:\s+(\d+)", text)[1]))  # type: ignore[index]
    assert peaks, "no worker is alive"
    return max(peaks)


def alive(client: httpx.Client, server: Server) -> None:
    """The server answers, a worker works, and its memory stayed in bounds."""
    assert client.get("/healthz").json() == {"status": "ok"}
    buffer = io.BytesIO()
    Image.fromarray(dark_spots()).save(buffer, format="PNG")
    assert diagnosed(client, buffer.getvalue())["state"] == "done"
    assert workers_peak(server) < MEMORY


def seeds(tmp_path: Path) -> list[bytes]:
    """A PNG, a single-frame, a multi-frame and the examples' DICOM files."""
    from pydicom.data import get_testdata_file

    picture = io.BytesIO()
    Image.fromarray(dark_spots(size=(64, 64), side=20, spots=((30, 30),))).save(picture, format="PNG")
    small = dark_spots(size=(64, 48), side=20, spots=((30, 20),))
    found = [picture.getvalue()]
    found += [write_dicom(tmp_path / f"{n}.dcm", np.stack([small] * n)).read_bytes() for n in (1, 3)]
    for name in ("examples_jpeg2k.dcm", "ExplVR_BigEnd.dcm", "examples_palette.dcm"):
        path = get_testdata_file(name, download=False)
        if path:
            found.append(Path(str(path)).read_bytes())
    return found


def mutated(original: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, a part cut out or doubled, or the end cut off; mostly near the head, where the structure is."""
    data = bytearray(original)
    kind = rng.choice(("flip", "flip", "flip", "cut", "double", "end"))
    place = rng.randrange(len(data) if rng.random() < 0.4 else min(len(data), 1500))
    if kind == "flip":
        for _ in range(rng.randint(1, 8)):
            data[min(len(data) - 1, place + rng.randrange(64))] = rng.choice((0, 255, rng.randrange(256)))
    elif kind == "cut":
        del data[place : place + rng.randint(1, 64)]
    elif kind == "double":
        data[place:place] = data[place : place + rng.randint(1, 64)]
    else:
        del data[max(1, place) :]
    return bytes(data)


def _attack(client: httpx.Client, server: Server, tmp_path: Path, count: int, seed: int, batch: int = 150) -> None:
    originals, rng, outcomes = seeds(tmp_path), random.Random(seed), {"read": 0, "refused": 0}
    for start in range(0, count, batch):
        buffer = io.BytesIO()
        wanted = min(batch, count - start)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for number in range(wanted):
                archive.writestr(f"{start + number}.bin", mutated(rng.choice(originals), rng))
        exam = diagnosed(client, buffer.getvalue(), "mutants.zip")
        assert len(exam["views"]) == wanted, exam["reason"]
        for view in exam["views"]:
            outcomes["read" if view["reason"] is None else "refused"] += 1
        client.delete(f"/api/exams/{exam['exam']}")
    assert min(outcomes.values()) > count / 20, outcomes
    alive(client, server)


def test_mutated_files(hostile: Server, client: httpx.Client, tmp_path: Path) -> None:
    _attack(client, hostile, tmp_path, 200, seed=1)


@pytest.mark.slow
def test_five_thousand_mutated_files(hostile: Server, client: httpx.Client, tmp_path: Path) -> None:
    _attack(client, hostile, tmp_path, 5000, seed=2)


def test_bombs(hostile: Server, client: httpx.Client, tmp_path: Path) -> None:
    for name, content in bombs(tmp_path).items():
        exam = diagnosed(client, content, name)
        assert exam["reason"] or all(view["reason"] for view in exam["views"]), (name, exam)
    alive(client, hostile)


def bombs(tmp_path: Path) -> dict[str, bytes]:
    """Small files that unpack to a lot, or say that they do."""
    header = b"\x89PNG\r\n\x1a\n"

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    wide = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    huge = header + chunk(b"IHDR", wide) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000)) + chunk(b"IEND", b"")
    text = header + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    text += chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 40_000_000)) + chunk(b"IEND", b"")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"\0" * (64 << 20))
    lying = bytearray(buffer.getvalue())
    place = lying.rfind(b"PK\x01\x02")
    lying[place + 24 : place + 28] = struct.pack("<I", 1000)
    deep = (
        write_dicom(tmp_path / "deep.dcm", np.stack([dark_spots()]))
        .read_bytes()
        .replace(b"IS\x02\x001 ", b"IS\x02\x0099")
    )
    return {
        "huge.png": huge,
        "text.png": text,
        "bomb.zip": buffer.getvalue(),
        "lying.zip": bytes(lying),
        "deflated.dcm": _deflated(tmp_path),
        "frames.dcm": deep,
        "empty.zip": b"PK\x05\x06" + b"\0" * 18,
    }


def _deflated(tmp_path: Path) -> bytes:
    """Deflated DICOM whose dataset unpacks to 300 MB."""
    plain = write_dicom(tmp_path / "plain.dcm", np.stack([dark_spots()])).read_bytes()
    start = plain.index(b"\x08\x00\x16\x00")  # SOP Class UID: the dataset begins
    head = plain[:start].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    grown = len(b"1.2.840.10008.1.2.1.99") - len(b"1.2.840.10008.1.2.1\0")
    place = head.index(b"\x02\x00\x10\x00UI")
    head = head[: place + 6] + struct.pack("<H", 22) + head[place + 8 :]
    length = struct.unpack("<I", head[140:144])[0]
    head = head[:140] + struct.pack("<I", length + grown) + head[144:]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(plain[start:])
    for _ in range(300):
        body += deflate.compress(b"\0" * 1_000_000)
    return head + body + deflate.flush()


def test_slow_and_broken_senders(hostile: Server, client: httpx.Client) -> None:
    """Fifty that send a byte and wait, or go away in the middle, do not keep others out."""
    parts = urlsplit(hostile.url)
    address = (str(parts.hostname), int(parts.port or 0))
    head = (
        f"POST /api/diagnose HTTP/1.1\r\nHost: {parts.netloc}\r\nX-CSRF-Token: {client.headers['x-csrf-token']}\r\n"
        f"Cookie: usnet_session={client.cookies['usnet_session']}\r\nContent-Length: 100000\r\n\r\n"
    ).encode()
    held = []
    for number in range(50):
        sender = socket.create_connection(address)
        sender.sendall(head + b"x" if number % 2 else head[: 40 + number])
        held.append(sender)
    for sender in held[::3]:
        sender.close()
    alive(client, hostile)
    patient = held[1]
    patient.settimeout(60)
    assert b" 408 " in patient.recv(200), "it had 20 seconds"
    for sender in held:
        sender.close()


def test_odd_requests(hostile: Server) -> None:
    parts = urlsplit(hostile.url)
    address = (str(parts.hostname), int(parts.port or 0))
    for request in (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /static/../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /static/%2e%2e/%2e%2e/app.py HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /api/diagnose HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/diagnose HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ):
        with socket.create_connection(address) as sender:
            sender.settimeout(20)
            sender.sendall(request)
            answer = sender.recv(4096)
        assert re.match(rb"HTTP/1\.1 4\d\d ", answer), (request[:60], answer[:80])
        assert b"root:" not in answer


def test_many_at_once(hostile: Server, client: httpx.Client) -> None:
    """The queue is bounded: some are told to come back, nobody is lost, nothing breaks."""
    buffer = io.BytesIO()
    Image.fromarray(dark_spots()).save(buffer, format="PNG")
    codes: list[int] = []

    def send() -> None:
        with httpx.Client(base_url=hostile.url, timeout=120, headers=client.headers, cookies=client.cookies) as own:
            codes.extend(own.post("/api/diagnose", content=buffer.getvalue()).status_code for _ in range(12))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {202, 429}
    assert codes.count(429) > 0
    for _ in range(1200):
        states = {exam["state"] for exam in client.get("/api/exams?limit=1000").json()}
        if not states & {"queued", "running"}:
            break
        time.sleep(0.1)
    finished = [exam for exam in client.get("/api/exams?limit=1000").json() if exam["state"] == "done"]
    assert len(finished) >= codes.count(202)
