"""What the node does beside receiving: reads headers, closes quiet studies, removes what is answered, counts its disk."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy import Engine

from usnet.pacs import records
from usnet.pacs.config import NodeConfig
from usnet.pacs.isolation import Sandbox, head
from usnet.pacs.records import Header
from usnet.pacs.spool import Spool

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_SWEEP_SECONDS = 20.0


class Keeper:
    """Runs until ``stop`` is set. One in a node; a second one would do no harm, only work twice."""

    def __init__(self, config: NodeConfig, engine: Engine, spool: Spool, sandbox: Sandbox) -> None:
        self._config, self._engine, self._spool, self._sandbox = config, engine, spool, sandbox
        self._swept = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """The loop. A database that is away for a while is waited for."""
        while not stop.is_set():
            try:
                busy = self.step()
            except Exception:
                logger.exception("the node's housekeeping failed; it goes on")
                stop.wait(2.0)
                continue
            if not busy:
                stop.wait(_POLL_SECONDS)

    def step(self) -> bool:
        """One round; true where there may be more to do at once."""
        sorted_now = self._sort()
        work = self._config.work
        closed = 0 if sorted_now else records.close_quiet(self._engine, work.quiet_seconds, work.attempts)
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self._swept = time.monotonic()
            self.sweep()
        return bool(sorted_now or closed)

    def _sort(self) -> int:
        waiting = records.unsorted(self._engine)
        if waiting:
            records.sort(self._engine, [(instance, self._header(digest)) for instance, digest in waiting])
        return len(waiting)

    def _header(self, digest: str) -> Header | str:
        path = self._spool.blobs.path(digest)
        if not path.is_file():
            return "its bytes are not in the spool any more; send it again"
        answer = head(self._sandbox, path)
        if "failed" in answer:
            return str(answer["failed"])[:2000]
        return Header(answer["study"], answer["series"], answer["sop"])

    def sweep(self) -> None:
        """Remove bytes that are not needed any more, and count the rest."""
        older_than = time.time() - self._config.spool.keep_hours * 3600
        while records.prune(self._engine, self._spool, older_than):
            pass
        self._spool.recount()
