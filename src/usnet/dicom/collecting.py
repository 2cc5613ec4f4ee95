"""From the stream of frames that a model gives to instances, one for each source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from usnet.diagnosis.loops import loop_opinion
from usnet.dicom.instance import Instance
from usnet.errors import ConfigError, UsnetError
from usnet.values import Diagnosis, Failure, Frame

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FRAME_FAILURE = re.compile(r"(?P<file>.+)#(?P<frame>\d{4,})")
"""A frame of a loop that was refused, as :meth:`usnet.diagnosis.Diagnoser.stream_frames` names it."""


class Collector:
    """Puts the frames of one source together. Holds the pixels of one frame, however long a loop is."""

    def __init__(self) -> None:
        self._source: tuple[str, str | None] | None = None
        self._diagnoses: list[Diagnosis] = []
        self._key: Frame | None = None
        self._highest = 0.0
        self._refused: list[Failure] = []

    def add(self, result: tuple[Frame, Diagnosis] | Failure) -> Iterator[Instance | Failure]:
        """Take the next result of a stream; gives what is complete by then."""
        if isinstance(result, Failure):
            yield from self._add_failure(result)
            return
        frame, diagnosis = result
        yield from self._begin(frame.source, frame.sha256)
        self._diagnoses.append(diagnosis)
        if self._key is None or diagnosis.p_malignant > self._highest:
            self._key, self._highest = frame, diagnosis.p_malignant

    def finish(self) -> Iterator[Instance | Failure]:
        """What is still open at the end of the stream."""
        yield from self._complete(None)

    def _add_failure(self, failure: Failure) -> Iterator[Instance | Failure]:
        refused = _FRAME_FAILURE.fullmatch(failure.source)
        if refused is not None and not Path(failure.source).exists():
            yield from self._begin(refused["file"], None)
            self._refused.append(failure)
        elif self._source is not None and self._source[0] == failure.source:
            yield from self._complete(failure.reason)  # a loop that is damaged in the middle
        else:
            yield from self.finish()
            yield failure

    def _begin(self, source: str, sha256: str | None) -> Iterator[Instance | Failure]:
        """Complete the source before, unless this is the same one; a refused frame does not know its file's hash."""
        if self._source is not None:
            name, known = self._source
            if name != source or (None not in (known, sha256) and known != sha256):
                yield from self._complete(None)
            else:
                sha256 = sha256 or known
        self._source = (source, sha256)

    def _complete(self, failure: str | None) -> Iterator[Instance | Failure]:
        diagnoses, key, refused, source = tuple(self._diagnoses), self._key, self._refused, self._source
        self._source, self._diagnoses, self._key, self._refused = None, [], None, []
        if source is None:
            return
        reason = _joined(refused, failure)
        yield Failure(source[0], reason or "it has no frame") if key is None else instance_of(key, diagnoses, reason)


def instances(stream: Iterable[tuple[Frame, Diagnosis] | Failure]) -> Iterator[Instance | Failure]:
    """Instances of a stream as :meth:`usnet.diagnosis.Diagnoser.stream_frames` gives it, one for each source.

    A source of which nothing was judged stays a :class:`Failure`; one that broke off, or of which frames were refused, has
    ``Instance.failure``.
    """
    collector = Collector()
    for result in stream:
        yield from collector.add(result)
    yield from collector.finish()


def instance_of(
    key: Frame, diagnoses: Iterable[Diagnosis], failure: str | None = None, header: Dataset | None = None
) -> Instance | Failure:
    """An instance from its parts. The header is read from ``key.source`` where it is not given, and so is the frame to show,
    where the opinion on a loop names another one than ``key``.

    A DICOM source that cannot be read any more, or has changed, becomes a :class:`Failure`.
    """
    from usnet.dicom.source import header as read_header
    from usnet.dicom.source import is_dicom

    found = tuple(diagnoses)
    if not found:
        raise ConfigError("an instance without a diagnosis", source=key.source)
    try:
        if header is None and is_dicom(key.source):
            header = read_header(key.source)
        if header is not None and key.uid is not None and key.uid != str(header.SOPInstanceUID):
            return Failure(key.source, "the file is not the one that was diagnosed: its SOP Instance UID differs")
        return Instance(header, found, _shown(key, found), failure)
    except UsnetError as error:
        return Failure(key.source, error.message)


def _shown(key: Frame, diagnoses: tuple[Diagnosis, ...]) -> Frame:
    """The frame where the most suspicious nodule of a loop is seen best."""
    wanted = None if len(diagnoses) == 1 else loop_opinion(diagnoses).key_frame
    if wanted is None or wanted == key.number:
        return key
    from usnet.images import read

    return read(key.source, frame=wanted)


def _joined(refused: list[Failure], failure: str | None) -> str | None:
    """Why frames are missing, in one sentence."""
    parts = []
    if refused:
        numbers = [int(one.source.rpartition("#")[2]) + 1 for one in refused]
        shown = ", ".join(map(str, numbers[:8])) + (" ..." if len(numbers) > 8 else "")
        parts.append(f"{len(refused)} frames were refused ({shown}): {refused[0].reason}")
    if failure is not None:
        parts.append(f"it was not read to its end: {failure}")
    return "; ".join(parts) or None
