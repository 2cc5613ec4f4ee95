"""Starts the workers, starts them again when they die, and deletes what has been kept long enough."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from sqlalchemy import update

from usnet.store import worker as store_worker
from usnet.store.database import writing
from usnet.store.tables import JobRow
from usnet.web.worker import dumped
from usnet.web.workplace import Workplace

logger = logging.getLogger(__name__)
_SWEEP = 600.0
_PAUSE = 1.0
"""Seconds between two starts of a worker, so that a fault at its start does not spin."""


@dataclass(slots=True)
class _Child:
    name: str
    process: subprocess.Popen[str]
    started: float


class Supervisor:
    """Keeps ``settings.workers`` worker processes alive between :meth:`start` and :meth:`stop`."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._stop = threading.Event()
        self._children: list[_Child] = []
        self._born = 0
        self._thread = threading.Thread(target=self._watch, name="usnet-supervisor", daemon=True)

    def start(self) -> None:
        """Start the workers and the thread that watches them."""
        self._children = [self._spawn() for _ in range(self._place.settings.workers)]
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Let the workers finish what they do, for a moment; unfinished jobs stay in the queue."""
        self._stop.set()
        self._thread.join()
        for child in self._children:
            if child.process.stdin:
                child.process.stdin.close()
        end = time.monotonic() + patience
        for child in self._children:
            try:
                child.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            self._release(child.name)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [child.process.pid for child in self._children]

    def _watch(self) -> None:
        swept = 0.0
        while not self._stop.wait(0.2):
            self._children = [self._kept(child) for child in self._children]
            if time.monotonic() - swept > _SWEEP or not swept:
                swept = time.monotonic()
                self._sweep()

    def _kept(self, child: _Child) -> _Child:
        """The child, or its successor. A dead worker's job is free at once, not only when its lease ends."""
        if child.process.poll() is None:
            return child
        if time.monotonic() - child.started < _PAUSE:
            return child
        logger.warning("a worker ended with %s and is started again", child.process.returncode)
        try:
            self._release(child.name)
        except Exception as error:  # the lease will end by itself
            logger.warning("lease not released: %s", type(error).__name__)
        return self._spawn()

    def _spawn(self) -> _Child:
        self._born += 1
        name = f"{store_worker.name()}/{self._born}"
        # One thread each: the workers are the parallelism, and every thread of a numerical library reserves address space.
        quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        process = subprocess.Popen(
            [sys.executable, "-m", "usnet.web.worker", name], stdin=subprocess.PIPE, text=True, env=os.environ | quiet
        )
        if process.stdin:
            try:
                process.stdin.write(dumped(self._place.settings) + "\n")
                process.stdin.flush()
            except BrokenPipeError:
                logger.warning("worker ended at its start")
        return _Child(name, process, time.monotonic())

    def _release(self, worker: str) -> None:
        with writing(self._place.engine) as session:
            session.execute(
                update(JobRow)
                .where(JobRow.state == "running", JobRow.worker == worker)
                .values(available_at=time.time())
            )

    def _sweep(self) -> None:
        from usnet.web.diagnose.exams import delete_expired

        try:
            delete_expired(self._place)
        except Exception as error:
            logger.warning("expired exams not deleted: %s", type(error).__name__)
