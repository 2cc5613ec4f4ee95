"""The node: a receiver, a keeper and its worker processes, under one roof until told to stop."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from usnet.errors import ConfigError
from usnet.pacs.config import NodeConfig, load
from usnet.pacs.isolation import Sandbox, settings_of
from usnet.pacs.keeper import Keeper
from usnet.pacs.receiver import Receiver
from usnet.pacs.spool import Spool
from usnet.store.database import connect
from usnet.store.migrate import upgrade

logger = logging.getLogger(__name__)

STOP_SECONDS = 30.0
_WATCH_SECONDS = 0.5
_LONGEST_WAIT = 60.0


class Workers:
    """Worker processes, started again when they die, slower and slower if they die at once."""

    def __init__(self, path: Path, count: int) -> None:
        verbose = ["verbose"] if logger.isEnabledFor(logging.INFO) else []
        self._command = [sys.executable, "-m", "usnet.pacs.worker", str(path), *verbose]
        self._slots: list[subprocess.Popen[bytes] | None] = [None] * count
        self._next = [0.0] * count
        self._waits = [1.0] * count

    def watch(self) -> None:
        """Start those that are not there."""
        now = time.monotonic()
        for slot, child in enumerate(self._slots):
            if child is not None and child.poll() is None:
                continue
            if child is not None:
                logger.warning("worker %d ended with code %s; another is started", child.pid, child.returncode)
                lived = now - self._next[slot] > 2 * _LONGEST_WAIT
                self._waits[slot] = 1.0 if lived else min(_LONGEST_WAIT, 2 * self._waits[slot])
                self._next[slot] = now + self._waits[slot]
                self._slots[slot] = None
            if now >= self._next[slot]:
                self._slots[slot] = subprocess.Popen(self._command, stdin=subprocess.PIPE)
                self._next[slot] = now

    def stop(self) -> None:
        """Let each finish its study, for half a minute."""
        children = [child for child in self._slots if child is not None]
        for child in children:
            child.terminate()
        end = time.monotonic() + STOP_SECONDS
        for child in children:
            try:
                child.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdin is not None:
                child.stdin.close()


def run(
    path: Path, stop: threading.Event, *, listen: bool = True, ready: Callable[[str], None] = lambda _text: None
) -> None:
    """Serve until ``stop`` is set.

    Parameters
    ----------
    path
        ``node.toml``.
    listen
        False for a machine that only helps with the work: it receives nothing and keeps nothing.
    ready
        Called with a line of text once everything runs.

    Raises
    ------
    ConfigError
        The configuration is wrong, or an address cannot be used.
    BundleError
        No usable model.
    """
    threading.excepthook = _log_thread
    config = load(path)
    spool = Spool(config.spool.folder, quota_mib=config.spool.quota_mib, reserve_mib=config.spool.reserve_mib)
    engine = connect(config.database)
    upgrade(engine)
    workers = Workers(path, config.work.workers)
    with Sandbox(settings_of(config), config.work.image_seconds) as sandbox:
        model = sandbox.ask({"do": "hello"})
        sandbox.close()  # the keeper needs headers only: a fresh process without a model is a third of the size
        try:
            if listen:
                _serve(config, engine, spool, sandbox, workers, stop, ready, model["model"])
            else:
                ready(f"Working for {config.database.partition('://')[0]} with {model['model']}; receiving nothing")
                _watch(workers, stop)
        finally:
            workers.stop()
            engine.dispose()


def _serve(
    config: NodeConfig,
    engine: Engine,
    spool: Spool,
    sandbox: Sandbox,
    workers: Workers,
    stop: threading.Event,
    ready: Callable[[str], None],
    model: str,
) -> None:
    receiver = Receiver(config.node, spool, engine, config.work.attempts)
    port = _started(receiver, config)
    keeper = threading.Thread(target=Keeper(config, engine, spool, sandbox).run, args=(stop,), name="keeper")
    keeper.start()
    stow = None
    try:
        if config.stow is not None:
            from usnet.pacs.stow_server import StowServer

            stow = StowServer(config, spool, engine)
            stow.start()
        workers.watch()
        ways = f"{config.node.ae_title} on {config.node.host}:{port}" + (f" and {stow.url}" if stow else "")
        ready(f"Listening as {ways}; results of {model} go to {config.results.to}")
        _watch(workers, stop)
    finally:
        stop.set()
        receiver.stop()
        if stow is not None:
            stow.stop()
        keeper.join()


def _log_thread(problem: threading.ExceptHookArgs) -> None:
    """pynetdicom's threads end with an error when a connection does; one line says so."""
    name = problem.thread.name if problem.thread else "a thread"
    logger.warning("%s ended with %s: %s", name, problem.exc_type.__name__, problem.exc_value)


def _watch(workers: Workers, stop: threading.Event) -> None:
    while not stop.wait(_WATCH_SECONDS):
        workers.watch()


def _started(receiver: Receiver, config: NodeConfig) -> int:
    try:
        return receiver.start()
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {config.node.host}:{config.node.port} ({error})",
            hint="Another program uses this port, or the address is not this machine's; see node.host and node.port",
        ) from error
