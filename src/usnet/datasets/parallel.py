"""A function over many items on several processes: results in order, bounded memory, progress."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from usnet.errors import UsnetError

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[int, int], None]
"""Called with (done, total)."""

CHUNK = 8
FEW = 48
"""Up to so many items, starting processes costs more than it saves."""


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    before: int = 0,
) -> Iterator[R]:
    """``function(item)`` of every item, in order. ``before`` steps count as done already.

    ``function`` must be importable (no lambda). Few items, or ``jobs=1``, run in this process. Only a few chunks are under way at a
    time, so neither tasks nor results pile up.

    Raises
    ------
    UsnetError
        A process was killed, as happens when memory runs out.
    """
    jobs = usable_cores() if jobs is None else max(1, jobs)
    results = map(function, items) if jobs == 1 or len(items) <= FEW else _spread(function, items, jobs)
    for done, result in enumerate(results, 1):
        if progress is not None:
            progress(before + done, before + len(items))
        yield result


def _spread(function: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[R]:
    # "spawn" on every system: "fork" is unsafe once a progress bar or BLAS has started threads
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: deque[Future[list[R]]] = deque()
        try:
            for start in range(0, len(items), CHUNK):
                waiting.append(pool.submit(_chunk, function, items[start : start + CHUNK]))
                if len(waiting) > 4 * jobs:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise UsnetError("a worker process was killed", hint="Memory may have run out: try --jobs 1") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _chunk(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [function(item) for item in items]
