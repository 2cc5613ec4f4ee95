"""Work ahead in a thread, a bounded number of steps: files are read and decoded while the network is busy."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

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
