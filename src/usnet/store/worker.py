"""The loop of a worker process: claim, run, keep the lease alive, settle."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine

from usnet.errors import UsnetError
from usnet.store import jobs
from usnet.store.jobs import Job

logger = logging.getLogger(__name__)
Handler = Callable[[Job], dict[str, Any] | None]


class Refused(UsnetError):
    """Raised by a handler for a job that no further attempt can mend: it is dead at once, with this reason."""


def name() -> str:
    """A name for this process that no other worker has: host and process id."""
    return f"{socket.gethostname()}/{os.getpid()}"


def work(
    engine: Engine,
    handlers: Mapping[str, Handler],
    stop: threading.Event,
    *,
    worker: str | None = None,
    lease: float = 60.0,
    poll: float = 0.2,
    base: float = 1.0,
) -> int:
    """Run jobs of the handlers' kinds until ``stop`` is set; returns how many were settled.

    A handler returns the job's result (JSON) or raises: :class:`Refused` ends the job, anything else lets it be tried again after
    a back-off from ``base`` seconds. The lease is renewed while the handler runs, so that only a worker that died loses it.
    """
    me = worker or f"{name()}/{threading.get_ident()}"
    settled = 0
    while not stop.is_set():
        job = jobs.claim(engine, list(handlers), me, lease=lease)
        if job is None:
            stop.wait(poll)
            continue
        _run(engine, handlers[job.kind], job, me, lease, base)
        settled += 1
    return settled


def _run(engine: Engine, handler: Handler, job: Job, me: str, lease: float, base: float) -> None:
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(engine, job, me, lease, over), daemon=True)
    keeper.start()
    try:
        result = handler(job)
    except Exception as error:
        logger.warning("job %s %s, attempt %d: %s", job.kind, job.id, job.attempts, error)
        over.set()
        keeper.join()
        jobs.fail(engine, job, me, f"{type(error).__name__}: {error}", final=isinstance(error, Refused), base=base)
        return
    over.set()
    keeper.join()
    jobs.finish(engine, job, me, result)


def _keep(engine: Engine, job: Job, me: str, lease: float, over: threading.Event) -> None:
    while not over.wait(lease / 3):
        try:
            if not jobs.extend(engine, job, me, lease=lease):
                return
        except Exception as error:  # the database may be away for a moment; the next round tries again
            logger.warning("lease of job %s not renewed: %s", job.id, error)
