"""Group commit: one thread writes whatever waits in one transaction, so that many savers share one write to disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from usnet.errors import UsnetError
from usnet.store.database import writing

logger = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[Session], Any]
_MOST = 64


class Commits:
    """A thread that runs work in shared transactions. A result is given only after its transaction is on disk.

    Work must write nothing before it raises a :class:`~usnet.errors.UsnetError`: such an error is its own answer and the others
    are committed. Any other error undoes the transaction, and each work is then tried alone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="study-commits", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Queue work; the future holds its result or error."""
        future: Future[T] = Future()
        self._waiting.put((work, future))
        return future

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch = [self._waiting.get()]
            while len(batch) < _MOST and not self._waiting.empty():
                batch.append(self._waiting.get())
            if None in batch:
                open_ = False
            jobs = [job for job in batch if job is not None]
            try:
                self._together(jobs)
            except Exception:
                logger.exception("a batch of %d commits failed", len(jobs))
                for _, future in jobs:
                    if not future.done():
                        future.set_exception(RuntimeError("the commit failed"))

    def _together(self, jobs: list[tuple[Work, Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with writing(self._engine) as session:
                for work, future in jobs:
                    try:
                        outcomes.append((future, work(session), None))
                    except UsnetError as error:
                        outcomes.append((future, None, error))
        except Exception as error:
            if len(jobs) == 1:
                jobs[0][1].set_exception(error)
                return
            if not isinstance(error, SQLAlchemyError):
                logger.warning("a commit of %d failed (%s); each is tried alone", len(jobs), error)
            for job in jobs:
                self._together([job])
            return
        for future, result, refusal in outcomes:
            if refusal is None:
                future.set_result(result)
            else:
                future.set_exception(refusal)
