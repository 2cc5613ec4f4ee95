"""A worker process: ``python -m usnet.web.worker``, started by :mod:`usnet.web.supervisor`.

It decodes what people upload, so it is the process that a hostile file can hurt: its memory is bounded by the operating system, it
ends itself when a job makes no progress, and its jobs are taken up by another. Settings come as one line of JSON on standard input,
whose end means that the server is gone.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from usnet.web.settings import Settings

STALLED = 120.0
"""Seconds without progress after which a worker ends itself."""
LEASE = 15.0
NICE = 5
"""How far workers step back: whoever waits for a page or a save comes first."""

logger = logging.getLogger(__name__)


class Watchdog:
    """Ends the process when :meth:`alive` is not called for ``seconds`` while a job runs: a decoder that hangs in C cannot be
    interrupted in any other way."""

    def __init__(self, seconds: float = STALLED, end: Callable[[int], Any] = os._exit) -> None:
        self._seconds, self._end = seconds, end
        self._timer: threading.Timer | None = None

    def alive(self) -> None:
        """Start the time anew."""
        self.rest()
        self._timer = threading.Timer(self._seconds, self._end, (70,))
        self._timer.daemon = True
        self._timer.start()

    def rest(self) -> None:
        """No job runs."""
        if self._timer is not None:
            self._timer.cancel()


def dumped(settings: Settings) -> str:
    """Settings as the line of JSON that a worker reads."""
    return json.dumps(asdict(settings) | {"data": str(settings.data)})


def loaded(line: str) -> Settings:
    """Settings from :func:`dumped`."""
    values = json.loads(line)
    return Settings(**(values | {"data": Path(values["data"]), "roots": tuple(values["roots"])}))


def bound_memory(limit: int) -> None:
    """Let the operating system refuse memory beyond ``limit`` bytes, and write no core files."""
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(settings: Settings, stop: threading.Event, name: str | None = None) -> None:
    """Work until ``stop`` is set."""
    from usnet.store.worker import work
    from usnet.web.workplace import open_workplace

    place = open_workplace(settings)
    watchdog = Watchdog()
    handlers = {kind: _watched(handler, watchdog) for kind, handler in handlers_of(place, watchdog.alive).items()}
    work(place.engine, handlers, stop, worker=name, lease=LEASE, poll=0.15)


def handlers_of(place: Any, alive: Callable[[], None]) -> Mapping[str, Callable[[Any], dict[str, Any] | None]]:
    """Job kinds to what does them. Another room's jobs: one line here. Call ``alive`` at each step of a long job."""
    from usnet.web.annotate import work as annotate
    from usnet.web.browse import work as browse
    from usnet.web.diagnose.work import handlers

    return {**handlers(place, alive), **annotate.handlers(place, alive), **browse.handlers(place, alive)}


def _watched(
    handler: Callable[[Any], dict[str, Any] | None], watchdog: Watchdog
) -> Callable[[Any], dict[str, Any] | None]:
    from usnet.store.worker import Refused

    def watched(job: Any) -> dict[str, Any] | None:
        watchdog.alive()
        try:
            return handler(job)
        except MemoryError:
            raise Refused("it needs more memory than a worker may have", hint="Send it in parts") from None
        finally:
            watchdog.rest()

    return watched


def main() -> None:
    """Entry of the process."""
    line = sys.stdin.readline()
    settings = loaded(line)
    bound_memory(settings.worker_memory)
    os.nice(NICE)
    stop = threading.Event()
    threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
    run(settings, stop, sys.argv[1] if len(sys.argv) > 1 else None)


def _until_closed(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
