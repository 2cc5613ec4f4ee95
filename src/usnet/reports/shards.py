"""Results of a part of a run as one file, written whole or not at all, so that workers may die and parts may be done twice."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from usnet.errors import DataError
from usnet.reports.one_json import FORMAT_VERSION as DIAGNOSIS_VERSION
from usnet.reports.one_json import diagnosis_from_json
from usnet.values import Diagnosis, Failure, Frame

Result = tuple[Frame, Diagnosis] | Failure

FORMAT_VERSION = 1
_TAIL = 64
"""Bytes that hold the last line."""


def write_shard(path: Path, results: Iterable[Result]) -> None:
    """Write results under a name of their own and give the file its name when all of them are on disk.

    A line for each: the sha256 of the input file, a tab and the diagnosis as JSON; for a failure nothing, a tab, and source and
    reason. The last line counts them.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    count = 0
    try:
        with partial.open("w", encoding="ascii") as stream:
            for result in results:
                stream.write(_line(result))
                count += 1
            stream.write(_end(count))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Whether the file is there to its last line; its results are not read."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL))
            last = stream.read().splitlines()[-1]
        return bool(json.loads(last)["usnet_shard"] == FORMAT_VERSION)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def read_shard(path: Path) -> Iterator[Result]:
    """The results, in order, one at a time. Frames are without content: their pixels are all black, and take no memory.

    Raises
    ------
    DataError
        The file cannot be read, or is not what :func:`write_shard` wrote.
    """
    count = 0
    try:
        with path.open(encoding="ascii") as stream:
            for line in stream:
                if line == _end(count):
                    return
                yield _result(line)
                count += 1
    except (OSError, ValueError, TypeError, DataError) as error:
        raise _damaged(path, f"line {count + 1} cannot be read ({error})") from error
    raise _damaged(path, "the last line is missing")


def _damaged(path: Path, what: str) -> DataError:
    return DataError(what, source=path, hint="Delete it and run the command again")


def _line(result: Result) -> str:
    if isinstance(result, Failure):
        return "\t" + json.dumps(asdict(result)) + "\n"
    frame, diagnosis = result
    document = {"usnet_diagnosis": DIAGNOSIS_VERSION} | asdict(diagnosis)
    return frame.sha256 + "\t" + json.dumps(document, allow_nan=False) + "\n"


def _end(count: int) -> str:
    return json.dumps({"usnet_shard": FORMAT_VERSION, "results": count}) + "\n"


def _result(line: str) -> Result:
    sha256, _, text = line.partition("\t")
    if not sha256:
        return Failure(**json.loads(text))
    diagnosis = diagnosis_from_json(text)
    dark = np.broadcast_to(np.uint8(0), (diagnosis.height, diagnosis.width))
    return Frame(dark, diagnosis.source, sha256, number=diagnosis.frame), diagnosis
