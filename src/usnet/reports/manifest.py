"""``run.json``: what ran, on what, with which versions and when, so that a result can be traced and repeated."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from usnet.diagnosis.pipeline import Diagnoser
from usnet.values import Diagnosis, Failure, Frame

FORMAT_VERSION = 1
PACKAGES = ("usnet", "numpy", "pillow", "pydicom", "scipy", "onnxruntime", "openvino")


@dataclass(slots=True)
class _Input:
    """One input file; ``frames`` counts its diagnosed frames."""

    source: str
    sha256: str | None
    frames: int = 0
    seconds: float = 0.0
    error: str | None = None


class RunRecord:
    """Collects a run while it goes on. Inputs are written as they come; the file gets its name when the run is complete.

    Keys: ``usnet_run`` (format), ``command``, ``started`` and ``finished`` (UTC), ``platform``, ``versions``, ``model``,
    ``operating_point``, ``engine``, ``engine_reason``, ``inputs`` (``source``, ``sha256``, ``frames``, ``seconds``, ``error``),
    ``counts``, ``exit_code``.
    """

    def __init__(self, path: str | Path, diagnoser: Diagnoser, command: Sequence[str]) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._stream = self._partial.open("w", encoding="ascii")
        self._stream.write(json.dumps(_head(diagnoser, command), indent=1)[:-2] + ',\n "inputs": [')
        self._separator = "\n  "
        self._current: _Input | None = None

    def add(self, result: tuple[Frame, Diagnosis] | Failure) -> None:
        """Take one result; the frames of one file follow each other and make one entry."""
        source = result.source if isinstance(result, Failure) else result[0].source
        if self._current is None or self._current.source != source:
            self._flush()
            self._current = _Input(source, _sha256(source) if isinstance(result, Failure) else result[0].sha256)
        if isinstance(result, Failure):
            self._current.error = result.reason
        else:
            self._current.frames += 1
            self._current.seconds += result[1].seconds

    def finish(self, counts: Mapping[str, int], exit_code: int) -> Path:
        """Complete the file and return its path."""
        self._flush()
        tail = {"counts": dict(counts), "finished": _now(), "exit_code": exit_code}
        self._stream.write("\n ],\n " + json.dumps(tail)[1:] + "\n")
        self._stream.close()
        os.replace(self._partial, self._path)
        return self._path

    def _flush(self) -> None:
        if self._current is not None:
            self._stream.write(self._separator + json.dumps(asdict(self._current)))
            self._separator = ",\n  "


def _head(diagnoser: Diagnoser, command: Sequence[str]) -> dict[str, Any]:
    bundle = diagnoser.bundle
    return {
        "usnet_run": FORMAT_VERSION,
        "command": list(command),
        "started": _now(),
        "platform": {"system": platform.platform(), "machine": platform.machine(), "python": platform.python_version()},
        "versions": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "model": asdict(bundle.identity) | {"path": str(bundle.path), "created": bundle.manifest.created},
        "operating_point": asdict(diagnoser.operating_point),
        "engine": diagnoser.description,
        "engine_reason": diagnoser.engine.reason,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _sha256(source: str) -> str | None:
    """Of a file that could not be diagnosed, if it can be read at all."""
    try:
        with Path(source).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
