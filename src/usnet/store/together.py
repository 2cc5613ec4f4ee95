"""Small writes that arrive at the same moment share one commit: waiting for the disk is what a save costs, and fifty people who
save would wait for one another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from usnet.store.database import writing

T = TypeVar("T")
MOST = 20
"""Writes in one transaction: a longer one would let the first of them wait."""


class _Write:
    """What one thread wants written, and what came of it."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Callable[[Session], Any]) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None


class Together:
    """Writers of one process on one database. On PostgreSQL, whose transactions do not wait for one another, each commits alone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._alone = engine.dialect.name != "sqlite"
        self._commit, self._door = threading.Lock(), threading.Lock()
        self._waiting: list[_Write] = []

    def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in a transaction and return its result once that is on disk.

        ``work`` is undone alone if it raises, and its error is raised here. It must not commit, and it runs in whichever of the
        waiting threads has its turn.
        """
        if self._alone:
            with writing(self._engine) as session:
                return work(session)
        mine = _Write(work)
        with self._door:
            self._waiting.append(mine)
        with self._commit:
            while not mine.done:
                self._commit_next()
        if mine.error is not None:
            raise mine.error
        result: T = mine.result
        return result

    def _commit_next(self) -> None:
        with self._door:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            with writing(self._engine) as session:
                for one in batch:
                    _try(session, one)
        except BaseException as error:
            for one in batch:
                one.error = error
            raise
        finally:
            for one in batch:
                one.done = True


def _try(session: Session, one: _Write) -> None:
    try:
        with session.begin_nested():
            one.result = one.work(session)
    except Exception as error:
        one.error = error
    finally:
        session.expunge_all()  # the next one finds what is in the database
