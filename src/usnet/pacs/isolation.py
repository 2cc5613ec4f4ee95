"""Asks the sandbox process, and lives when it dies."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from usnet.errors import BundleError, ConfigError, UsnetError
from usnet.pacs.config import NodeConfig
from usnet.pacs.sandbox import Answer, Request

logger = logging.getLogger(__name__)


_SURROUNDINGS = {
    "OMP_NUM_THREADS": "1",  # each thread takes address space
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime calls home otherwise
}


class Crashed(UsnetError):
    """The process died or was ended while it worked on an object."""


def settings_of(config: NodeConfig) -> dict[str, Any]:
    """What the sandbox needs to know."""
    work, model, results = config.work, config.model, config.results
    return {
        "memory_mib": work.memory_mib,
        "threads": work.threads,
        "pixels": work.pixels,
        "frames": work.frames,
        "bytes": (config.node.file_mib + 1) << 20,
        "bundle": model.bundle,
        "engine": model.engine,
        "operating_point": model.operating_point,
        "kinds": list(results.kinds),
        "sr_class": results.sr_class,
        "blobs": str(config.spool.folder / "blobs"),
    }


class Sandbox:
    """One child process, started when it is needed and again after it died.

    Parameters
    ----------
    settings
        See :func:`settings_of`.
    seconds
        Longest time for one request.
    """

    def __init__(self, settings: dict[str, Any], seconds: float) -> None:
        self._settings, self._seconds = settings, seconds
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child, where one runs."""
        return self._child.pid if self._child is not None else None

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def ask(self, request: Request) -> Answer:
        """Answer to one request.

        Raises
        ------
        Crashed
            The child died, or took too long and was ended.
        UsnetError
            usnet itself cannot (no model, a missing extra).
        """
        late = threading.Event()
        child = self._started()

        def end() -> None:
            """Note that time is up, and end the child."""
            late.set()
            child.kill()

        timer = threading.Timer(self._seconds, end)
        timer.start()
        try:
            line = self._exchange(child, request)
        finally:
            timer.cancel()
        if not line:
            self.close()
            raise Crashed(
                f"it took more than {self._seconds:g} s" if late.is_set() else "it crashed the process that opened it"
            )
        answer: Answer = json.loads(line)
        if "error" in answer:
            kind = {4: BundleError, 2: ConfigError}.get(answer.get("exit_code", 0), UsnetError)
            raise kind(answer["error"])
        return answer

    def _exchange(self, child: subprocess.Popen[bytes], request: Request) -> bytes:
        try:
            _tell(child, request)
            return child.stdout.readline() if child.stdout is not None else b""
        except OSError:
            return b""

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            command = [sys.executable, "-m", "usnet.pacs.sandbox"]
            # a session of its own: Ctrl-C must not look like a file that crashed it
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | _SURROUNDINGS | {"TMPDIR": str(Path(self._settings["blobs"]).parent / "tmp")},
            )
            with suppress(OSError):  # it died at once: the request will find that out
                _tell(self._child, self._settings)
        return self._child


def _tell(child: subprocess.Popen[bytes], what: dict[str, Any]) -> None:
    if child.stdin is not None:
        child.stdin.write(json.dumps(what).encode() + b"\n")
        child.stdin.flush()


def head(sandbox: Sandbox, path: Path) -> Answer:
    """Study, series and SOP Instance UID of a file, or ``{"failed": reason}``."""
    return twice(sandbox, {"do": "head", "path": str(path)})


def make(sandbox: Sandbox, path: Path, name: str, when: float) -> Answer:
    """Results of a file, stored in the spool: ``{"objects": [...]}`` or ``{"failed": reason}``."""
    return twice(sandbox, {"do": "make", "path": str(path), "name": name, "when": when})


def twice(sandbox: Sandbox, request: Request) -> Answer:
    """Ask again after a crash, in a fresh process: what is left over from other files must not fail this one."""
    for _attempt in range(2):
        try:
            return sandbox.ask(request)
        except Crashed as error:
            reason = error.message
            logger.warning("an object was not readable: %s", reason)
    return {"failed": reason}
