"""Reading in processes of its own, for machines whose network is faster than one thread reads."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection

from usnet.diagnosis.grouping import GroupBy
from usnet.diagnosis.prepare import Prepared, Preparer
from usnet.diagnosis.sources import Item
from usnet.values import Failure

PENDING = 2
"""Files that each process has been asked for; of each it makes one frame before that is taken."""
MANY_FILES, CORES_EACH = 256, 4


def readers_for(files: int, cores: int) -> int:
    """Processes that pay for a folder: none (a thread) for few files or few cores, where the network needs every core."""
    return 0 if files < MANY_FILES else min(4, cores // CORES_EACH)


def read_in_processes(
    preparer: Preparer, items: Iterable[Item], group_by: GroupBy, count: int
) -> Generator[Prepared | Failure]:
    """As :meth:`Preparer.files`, in the same order, by ``count`` processes that each read one file after another.

    A process that dies over a file costs that file: a :class:`Failure` stands in its place and another process goes on. Processes
    end with the generator, and with this process however it ends. They are spawned, so a script that calls this needs the usual
    ``if __name__ == "__main__"``.
    """
    readers = [_Reader(preparer, group_by) for _ in range(count)]
    waiting: deque[_Reader] = deque()
    try:
        for number, item in enumerate(items):
            readers[number % count].ask(item)
            waiting.append(readers[number % count])
            if len(waiting) == PENDING * count:
                yield from waiting.popleft().answers()
        while waiting:
            yield from waiting.popleft().answers()
    finally:
        for reader in readers:
            reader.stop()


class _Reader:
    """One process and the files it was asked for."""

    def __init__(self, preparer: Preparer, group_by: GroupBy) -> None:
        self._work = preparer, group_by
        self._asked: deque[Item] = deque()
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far, *self._work), name="usnet-reader", daemon=True)
        self._process.start()
        far.close()

    def ask(self, item: Item) -> None:
        self._asked.append(item)
        self._send(item)

    def answers(self) -> Iterator[Prepared | Failure]:
        """Steps of the file that was asked for first."""
        item = self._asked[0]
        try:
            while (step := self._connection.recv()) is not None:
                yield step
        except (EOFError, OSError):
            self._process.join()
            yield Failure(str(item.path), f"the process that read it ended (exit code {self._process.exitcode})")
            self._connection.close()
            self._asked.popleft()
            self._start()
            for later in self._asked:
                self._send(later)
            return
        self._asked.popleft()

    def _send(self, item: Item) -> None:
        with suppress(OSError):  # it has died; answers() says so in the file's place
            self._connection.send(item)

    def stop(self) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.join()


def _serve(connection: Connection, preparer: Preparer, group_by: GroupBy) -> None:
    """Read what is asked for until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the command, which ends its readers
    try:
        while True:
            for step in preparer.file(connection.recv(), group_by):
                connection.send(step)
            connection.send(None)
    except (EOFError, OSError):
        return
