"""Group commit: one thread writes whatever waits in one transaction, so that many savers share one write to disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from usnet.errors import UsnetError
from usnet.readers.batch import Given, commit_batch
from usnet.readers.commit import Receipt
from usnet.readers.place import Place
from usnet.store.database import writing

logger = logging.getLogger(__name__)
T = TypeVar("T")
_MOST = 128


@dataclass(frozen=True, slots=True)
class _Job:
    """Work to do, or an answer to commit with what is asked for after it."""

    future: Future[Any]
    work: Callable[[Session], Any] | None = None
    given: Given | None = None
    then: Callable[[Session, Receipt], Any] | None = None


class Commits:
    """A thread that runs work in shared transactions. A result is given only after its transaction is on disk.

    Work must write nothing before it raises a :class:`~usnet.errors.UsnetError`: such an error is its own answer and the others
    are committed. Any other error undoes the transaction, and each work is then tried alone.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="study-commits", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Queue work; the future holds its result or error."""
        future: Future[T] = Future()
        self._waiting.put(_Job(future, work=work))
        return future

    def answer(self, given: Given, then: Callable[[Session, Receipt], T]) -> Future[T]:
        """Queue an answer; the future holds what ``then`` makes of its receipt, within the same transaction."""
        future: Future[T] = Future()
        self._waiting.put(_Job(future, given=given, then=then))
        return future

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            batch = [self._waiting.get()]
            while len(batch) < _MOST and not self._waiting.empty():
                batch.append(self._waiting.get())
            going = None not in batch
            self._together([job for job in batch if job is not None])

    def _together(self, jobs: Sequence[_Job]) -> None:
        outcomes: list[tuple[_Job, Any]] = []
        try:
            with writing(self._place.engine) as session:
                outcomes = [(job, _done(job.work, session)) for job in jobs if job.work is not None]
                outcomes += self._answers(session, [job for job in jobs if job.given is not None])
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            logger.warning("a commit of %d failed (%s); each is tried alone", len(jobs), type(error).__name__)
            for job in jobs:
                self._together([job])
            return
        for job, outcome in outcomes:
            if isinstance(outcome, UsnetError):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)

    def _answers(self, session: Session, jobs: Sequence[_Job]) -> list[tuple[_Job, Any]]:
        if not jobs:
            return []
        found = []
        receipts = commit_batch(session, self._place, [job.given for job in jobs if job.given is not None])
        for job, receipt in zip(jobs, receipts, strict=True):
            if isinstance(receipt, UsnetError) or job.then is None:
                found.append((job, receipt))
            else:
                found.append((job, job.then(session, receipt)))
        return found


def _done(work: Callable[[Session], Any], session: Session) -> Any:
    """The work's result, or its refusal."""
    try:
        return work(session)
    except UsnetError as error:
        return error
