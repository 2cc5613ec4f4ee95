"""Small writes that arrive at the same moment share one commit: waiting for the disk is what a save costs, and fifty people who
save would wait for one another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from usnet.store.database import writing

T = TypeVar("T")
MOST = 20
"""Writes in one transaction: a longer one would let the first of them wait."""
_AT_ONCE = 16
"""Transactions that run side by side on PostgreSQL."""


class _Write:
    """What somebody wants written, and where the result goes."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Callable[[Session], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        """Wake whoever waits."""
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Together:
    """Writers of one process on one database: on SQLite one thread writes what has gathered while it wrote before, so that nobody
    who waits holds a thread, and nobody's answer waits for another's turn. On PostgreSQL, whose transactions do not wait for one
    another, each commits alone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        one = engine.dialect.name == "sqlite"
        self._most = MOST if one else 1
        self._threads = ThreadPoolExecutor(1 if one else _AT_ONCE, thread_name_prefix="usnet-writer")
        self._door = threading.Lock()
        self._waiting: list[_Write] = []

    def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in a transaction and return its result once that is on disk.

        ``work`` is undone alone if it raises, and its error is raised here. It must not commit, and it runs in another thread.
        """
        return self._begun(work).result()

    async def soon(self, work: Callable[[Session], T]) -> T:
        """:meth:`write` for coroutines. What has begun is finished, also where nobody waits for it any more."""
        return await asyncio.wrap_future(self._begun(work))

    def _begun(self, work: Callable[[Session], T]) -> Future[T]:
        mine = _Write(work)
        with self._door:
            self._waiting.append(mine)
        self._threads.submit(self._commit_next)
        return mine.future

    def _commit_next(self) -> None:
        """Write the next ones, if an earlier turn has not taken them along."""
        with self._door:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        batch = [one for one in taken if one.future.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            with writing(self._engine) as session:
                for one in batch:
                    _try(session, one)
        except BaseException as error:
            for one in batch:
                one.error = error
        for one in batch:
            one.tell()


def _try(session: Session, one: _Write) -> None:
    try:
        with session.begin_nested():
            one.result = one.work(session)
    except Exception as error:
        one.error = error
    finally:
        session.expunge_all()  # the next one finds what is in the database
