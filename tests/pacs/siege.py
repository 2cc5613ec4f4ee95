"""A node under attack: damaged objects, bombs, floods and half-open connections at once, while its memory and files are watched."""

from __future__ import annotations

import os
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pynetdicom._config
import requests
from hostile import BOMBS, mutations
from pynetdicom import AE, build_context, evt
from servers import Node, Orthanc, running, wait_for

from helpers.ports import free_port
from usnet.pacs import records
from usnet.pacs.config import load
from usnet.pacs.contexts import SYNTAXES, ULTRASOUND
from usnet.pacs.prompt import prompt
from usnet.store.database import connect

BATCH = 40


@dataclass
class Report:
    """What came of it. Memory in MiB: the largest of any one process, and of all together (shared pages counted once)."""

    sent: int = 0
    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    stow: Counter[str] = field(default_factory=Counter)
    bombs: int = 0
    flood_connections: int = 0
    answered: int = 0
    failed: int = 0
    studies_given_up: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    sandboxes: int = 0
    peak_process_mib: float = 0.0
    peak_all_mib: float = 0.0
    strays: list[str] = field(default_factory=list)
    alive: bool = False
    seconds: float = 0.0


class Watch:
    """Looks at the node's process tree twice a second."""

    def __init__(self, root: int, report: Report) -> None:
        self._root, self._report, self._stop = root, report, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._sandboxes: set[int] = set()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            total = 0.0
            for process in tree(self._root):
                with suppress(OSError, IndexError):
                    status = Path(f"/proc/{process}/status").read_text()
                    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
                    self._report.peak_process_mib = max(self._report.peak_process_mib, peak)
                    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
                    total += int(rollup.split("Pss:")[1].split()[0]) / 1024
                    if b"sandbox" in Path(f"/proc/{process}/cmdline").read_bytes():
                        self._sandboxes.add(process)
            self._report.peak_all_mib = max(self._report.peak_all_mib, total)
            self._report.sandboxes = len(self._sandboxes)


def tree(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError, ValueError):
            children.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    found, rest = [], [root]
    while rest:
        found.append(rest.pop())
        rest += children.get(found[-1], [])
    return found


class Siege:
    """One run in a folder."""

    def __init__(self, folder: Path, count: int, seed: int, *, workers: int = 1, loops: float = 0.04) -> None:
        self._folder, self._count, self._seed, self._loops = folder, count, seed, loops
        self.report = Report()
        self.archive = Orthanc(folder / "archive")
        stow = free_port()
        self._stow = f"http://127.0.0.1:{stow}/studies"
        peer = {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": self.archive.dicom_port}
        work = {"workers": workers, "attempts": 3, "image_seconds": 120.0}
        self.node = Node(folder / "node", peer, work=work, stow={"port": stow}, node={"idle_seconds": 10.0})
        self.archive.tell({"usnet": ["USNET", "127.0.0.1", self.node.port]})
        self._elsewhere = folder / "node" / "tmp"
        self._elsewhere.mkdir()

    def run(self) -> Report:
        """Everything; the node's files are looked at when it has stopped."""
        start = time.monotonic()
        pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True
        os.environ["TMPDIR"] = str(self._elsewhere)  # whatever is written outside the spool shows up there
        try:
            with running(self.archive, self.node), Watch(self.node.pid, self.report):
                flood = threading.Thread(target=self._flood)
                flood.start()
                self._send(mutations(self._count, self._seed, loops=self._loops))
                self._send((name, make()) for name, make in BOMBS.items())
                self.report.bombs = len(BOMBS)
                flood.join()
                self._until_done()
                self._judge()
        finally:
            pynetdicom._config.STORE_SEND_CHUNKED_DATASET = False
            del os.environ["TMPDIR"]
        self.report.strays = self._strays()
        self.report.seconds = round(time.monotonic() - start, 1)
        return self.report

    def _send(self, objects: Iterator[tuple[str, bytes]]) -> None:
        """By C-STORE, a batch an association; every fifth by STOW-RS, meta information and all."""
        batch: list[Path] = []
        for number, (_name, data) in enumerate(objects):
            self.report.sent += 1
            if number % 5 == 4:
                self._post(_spoiled_meta(data, number) if number % 10 == 9 else data)
                continue
            path = self._folder / f"object-{number}.dcm"
            path.write_bytes(data)
            batch.append(path)
            if len(batch) == BATCH:
                self._store(batch)
                batch = []
        self._store(batch)

    def _post(self, data: bytes) -> None:
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--x--\r\n"
        headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}
        answer = requests.post(self._stow, data=body, headers=headers, timeout=120)
        self.report.stow[str(answer.status_code)] += 1
        self.report.acknowledged += answer.status_code == 200

    def _store(self, batch: list[Path]) -> None:
        entity = AE(ae_title="SCANNER")
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
        contexts = [build_context(kind, syntax) for kind in ULTRASOUND[:2] for syntax in SYNTAXES]
        association: Any = None
        for path in batch:
            if association is None or not association.is_established:
                association = self._associated(entity, contexts)
            try:
                status = association.send_c_store(path).get("Status")
            except (ValueError, RuntimeError, AttributeError) as error:
                status = type(error).__name__
            self.report.acknowledged += status == 0
            if status != 0:
                self.report.refused[str(status)] += 1
            path.unlink()
        if association is not None and association.is_established:
            association.release()

    def _associated(self, entity: AE, contexts: list[Any]) -> Any:
        """The flood takes places: try again as a scanner would."""

        def attempt() -> Any:
            found = entity.associate(
                "127.0.0.1",
                self.node.port,
                contexts=contexts,
                ae_title="USNET",
                evt_handlers=[(evt.EVT_CONN_OPEN, prompt)],
            )
            return found if found.is_established else None

        return wait_for(attempt, 120, "an association")

    def _flood(self) -> None:
        """Connections that say nothing, nonsense, or claim to say four gigabytes."""
        random_ = random.Random(self._seed)
        for _ in range(8):
            opened = []
            for _ in range(25):
                with suppress(OSError):
                    one = socket.create_connection(("127.0.0.1", self.node.port), timeout=5)
                    opened.append(one)
                    self.report.flood_connections += 1
                    one.sendall(random_.choice((b"", b"\x01\0\xff\xff\xff\xff" + b"\0" * 5000, random_.randbytes(300))))
            time.sleep(1.0)
            for one in opened:
                one.close()

    def _until_done(self) -> None:
        engine = connect(load(self.node.config).database)
        rest = ("objects new", "objects sorted", "studies open", "jobs queued", "jobs running")

        def done() -> bool:
            found = records.counts(engine)
            given_up = sum(1 for letter in records.dead_letters(engine) if letter.kind == "study")
            left = [name for name in rest if found[name]]
            return not left or (left == ["objects sorted"] and given_up > 0)

        try:
            wait_for(done, 3600, "the end of all work")
        finally:
            engine.dispose()

    def _judge(self) -> None:
        engine = connect(load(self.node.config).database)
        counts, letters = records.counts(engine), records.dead_letters(engine)
        engine.dispose()
        self.report.answered, self.report.failed = counts["objects answered"], counts["objects failed"]
        self.report.studies_given_up = sum(letter.kind == "study" for letter in letters)
        self.report.reasons = Counter(_kind_of(letter.reason) for letter in letters if letter.kind == "object")
        association = self._associated(AE(ae_title="SCANNER"), [build_context("1.2.840.10008.1.1")])
        self.report.alive = association.send_c_echo().get("Status") == 0
        association.release()
        self.report.alive &= not self.node.ended and "Traceback" not in self.node.output()

    def _strays(self) -> list[str]:
        """Files of the node that are not in its spool."""
        home = self.node.folder
        allowed = ("spool", "node.toml", "node.log")
        outside = [str(p) for p in home.rglob("*") if p.is_file() and p.relative_to(home).parts[0] not in allowed]
        named = [
            str(p) for p in (home / "spool").rglob("*") if p.is_file() and not _own_name(p.relative_to(home / "spool"))
        ]
        return outside + named + [str(p) for p in self._folder.glob("evil*")]


def _kind_of(reason: str) -> str:
    """A reason without what differs from object to object."""
    return re.sub(r"\d[0-9A-F,]*|\([0-9A-F]{4},[0-9A-F]{4}\)", "#", reason)[:70]


def _own_name(path: Path) -> bool:
    """A database file, or a blob named by its hash."""
    if path.parts[0] == "blobs" and len(path.parts) == 3:
        return len(path.name) in (32, 64) and set(path.name) <= set("0123456789abcdef")
    return path.name in ("node.db", "node.db-wal", "node.db-shm")


def _spoiled_meta(data: bytes, number: int) -> bytes:
    """The meta information damaged too: only STOW-RS brings it along."""
    made = bytearray(data)
    for place in random.Random(number).sample(range(132, 400), 3):
        if place < len(made):
            made[place] ^= 0x41
    return bytes(made)
