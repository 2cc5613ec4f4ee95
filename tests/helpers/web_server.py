"""A real ``usnet serve`` in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A running ``usnet serve``."""

    url: str
    data: Path
    process: subprocess.Popen[str]
    log: Path

    def kill(self) -> None:
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(data: Path, *options: str, seconds: float = 120) -> Iterator[Server]:
    """``usnet serve`` on a free port, until the end of the block."""
    log = data.with_suffix(".log")
    command = [sys.executable, "-m", "usnet", "serve", "--port", "0", "--data", str(data), *options]
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, text=True)
    try:
        end = time.monotonic() + seconds
        while not (found := re.search(r"http://[^/\s]+", log.read_text())):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"usnet serve did not start: {log.read_text()}")
            time.sleep(0.1)
        yield Server(found[0], data, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
