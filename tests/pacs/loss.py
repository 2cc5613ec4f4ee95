"""The loss test: studies go in while node and archive are killed and started again, and each must come to an end.

The sender does what modalities do: it stores an object in the archive and in the node, and tries again until each says 'success'.
From then on it is the node's: every study must end with exactly one SR and one SC in the archive, or with a dead letter that says
why.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pynetdicom._config
import requests
from phantom_studies import studies
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless
from pynetdicom import AE, build_context, evt
from servers import Node, Orthanc, wait_for

from usnet.pacs import records
from usnet.pacs.config import load
from usnet.pacs.prompt import prompt
from usnet.store.database import connect

SUCCESS = 0
HANDLERS = [(evt.EVT_CONN_OPEN, prompt)]


@dataclass
class Plan:
    """How much of everything."""

    studies: int = 20
    kills: int = 4
    restarts: int = 1
    damaged: int = 1
    seed: int = 1
    workers: int = 1
    longest_life: float = 20.0


@dataclass
class Report:
    """What happened. ``wrong`` lists studies that ended in no allowed way; it must be empty."""

    plan: dict[str, Any]
    acknowledged: int = 0
    acknowledged_while_killing: int = 0
    refused_or_cut: int = 0
    kills: int = 0
    kills_before_ready: int = 0
    archive_restarts: int = 0
    answered: int = 0
    dead_letters: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Trial:
    """One run in a folder."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan, self.report = plan, Report(asdict(plan))
        self._random = random.Random(plan.seed)
        self.archive = Orthanc(folder / "archive")
        peer = {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": self.archive.dicom_port}
        self.node = Node(folder / "node", peer, work={"workers": plan.workers})
        self.archive.tell({"usnet": ["USNET", "127.0.0.1", self.node.port]})
        self.files = [files[0] for files in studies(folder / "studies", plan.studies, seed=plan.seed)]
        self.uids = {str(dcmread(file, stop_before_pixels=True).StudyInstanceUID): file for file in self.files}
        for file in self._random.sample(self.files, plan.damaged):
            _damage(file)
        self._killed = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> Report:
        """Everything, with all servers ended afterwards."""
        start = time.monotonic()
        pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True
        self.archive.start()
        self.node.begin()
        try:
            killer = threading.Thread(target=self._kill_again_and_again)
            killer.start()
            self._send_all()
            killer.join()
            self._until_done()
            self._judge()
        finally:
            self.node.stop()
            self.archive.stop()
            pynetdicom._config.STORE_SEND_CHUNKED_DATASET = False
        self.report.seconds = round(time.monotonic() - start, 1)
        return self.report

    def _kill_again_and_again(self) -> None:
        restarts = set(self._random.sample(range(self.plan.kills), min(self.plan.restarts, self.plan.kills)))
        for number in range(self.plan.kills):
            self._live()
            self.report.kills_before_ready += "Listening" not in self.node.output()
            self.node.kill(group=self._random.random() < 0.5)
            self.report.kills += 1
            if number in restarts:
                self.archive.stop()
                time.sleep(self._random.uniform(0.5, 3.0))
                self.archive.start()
                self.report.archive_restarts += 1
            self.node.begin()
        self.report.acknowledged_while_killing = self.report.acknowledged
        self._killed.set()

    def _live(self) -> None:
        """Let the node live for a random time: one in five is killed while it starts, the others while they work."""
        if self._random.random() < 0.2:
            time.sleep(self._random.uniform(0.1, 3.0))
            return
        wait_for(lambda: "Listening" in self.node.output(), 300, "the node")
        time.sleep(self._random.uniform(0.2, self.plan.longest_life))

    def _send_all(self) -> None:
        """Spread over the kills, so that there is work at every moment."""
        for number, file in enumerate(self.files):
            wait_for(partial(self._in_turn, number), 3600, "the next life")
            self._until_success(self._to_archive, file)
            self._until_success(self._to_node, file)
            self.report.acknowledged += 1

    def _in_turn(self, number: int) -> bool:
        share = len(self.files) / max(1, self.plan.kills)
        return self._killed.is_set() or number <= (self.report.kills + 1) * share

    def _until_success(self, send: Any, file: Path) -> None:
        end = time.monotonic() + 1800
        while not send(file):
            self.report.refused_or_cut += 1
            if time.monotonic() > end:
                raise TimeoutError(f"{file.name} was never taken")
            time.sleep(0.3)

    def _to_archive(self, file: Path) -> bool:
        try:
            answer = requests.post(self.archive.url + "/instances", data=file.read_bytes(), timeout=20)
            return answer.ok
        except requests.RequestException:
            return False

    def _to_node(self, file: Path) -> bool:
        meta = dcmread(file, stop_before_pixels=True).file_meta
        entity = AE(ae_title="SCANNER")
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
        context = build_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
        association = entity.associate(
            "127.0.0.1", self.node.port, contexts=[context], ae_title="USNET", evt_handlers=HANDLERS
        )
        if not association.is_established:
            return False
        try:
            return association.send_c_store(file).get("Status") == SUCCESS
        except (RuntimeError, OSError):
            return False
        finally:
            if association.is_established:
                association.release()

    def _until_done(self) -> None:
        """Wait until nothing is left to do."""
        engine = connect(load(self.node.config).database)
        rest = ("objects new", "objects sorted", "studies open", "jobs queued", "jobs running")

        def done() -> bool:
            found = records.counts(engine)
            return not any(found[name] for name in rest)

        try:
            wait_for(done, 7200, "the end of all work")
        finally:
            engine.dispose()

    def _judge(self) -> None:
        engine = connect(load(self.node.config).database)
        letters = records.dead_letters(engine)
        self.report.attempts = _attempts(engine)
        engine.dispose()
        given_up = {letter.what: letter.reason for letter in letters}
        found = self.archive.series()
        reasons: Counter[str] = Counter()
        for study, file in self.uids.items():
            instance = str(dcmread(file, stop_before_pixels=True).SOPInstanceUID)
            results = {name: len(found.get(study, {}).get(name, [])) for name in ("SR", "OT")}
            reason = given_up.get(study) or given_up.get(instance)
            if results == {"SR": 1, "OT": 1} and reason is None:
                self.report.answered += 1
            elif results == {"SR": 0, "OT": 0} and reason:
                self.report.dead_letters += 1
                reasons[reason[:150]] += 1
            else:
                self.report.wrong.append(f"{file.name}: {results}, dead letter: {reason}")
        self.report.reasons = dict(reasons)


def _damage(file: Path) -> None:
    """Pixels that no decoder can read; archives do not look at them."""
    dataset = dcmread(file)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([b"no codestream " * 50])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(file)


def _attempts(engine: Any) -> int:
    from usnet.store import jobs
    from usnet.store.database import reading

    with reading(engine) as session:
        return sum(job.attempts for job in jobs.find(session, records.STUDY_JOB, limit=100_000))
