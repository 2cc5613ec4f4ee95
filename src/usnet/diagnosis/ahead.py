"""Work ahead, a bounded number of steps: files are read while the network is busy, and batches run side by side, in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

_POLL_SECONDS = 0.1


class _End:
    """Nothing more comes; ``error`` is what the source raised."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def read_ahead(source: Iterator[T], depth: int) -> Generator[T]:
    """The items of ``source``, in order, at most ``depth`` of them made before they are asked for.

    ``source`` runs in its own thread, from the first ``next`` on; what it raises is raised here. Closing the generator (or
    leaving it to the garbage collector) stops the thread.
    """
    made: queue.Queue[T | _End] = queue.Queue(maxsize=max(1, depth))
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                made.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in source:
                if not put(item):
                    return
            put(_End())
        except BaseException as error:
            put(_End(error))

    thread = threading.Thread(target=work, name="usnet-read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()


def in_order(pool: Executor, work: Callable[[S], T], items: Iterable[S], depth: int) -> Generator[T]:
    """``work`` on every item, several at a time in ``pool``, results in the items' order.

    At most ``depth`` items are under way or done before their results are asked for. Closing the generator gives up what has not
    begun.
    """
    waiting: deque[Future[T]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= max(1, depth):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
