"""One source object with the diagnoses of its frames, collected from the stream that a model gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from usnet.errors import ConfigError, DataError
from usnet.values import Box, Diagnosis, Failure, Finding, Frame, ModelIdentity, OperatingPoint

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


MULTIFRAME = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.3.1",  # ultrasound
        "1.2.840.10008.5.1.4.1.1.3",  # its retired form
        *(f"1.2.840.10008.5.1.4.1.1.7.{kind}" for kind in (1, 2, 3, 4)),  # secondary capture
    }
)
"""SOP classes of loops."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A source object and what was said about each of its frames, in order.

    ``header`` is what :func:`usnet.dicom.source.header` took from the source, ``None`` where the source is no DICOM. ``key`` is
    the one frame that is kept with its pixels: the finding with the highest probability of malignancy is on it. ``failure`` says
    why the source was not read to its end.
    """

    header: Dataset | None
    diagnoses: tuple[Diagnosis, ...]
    key: Frame
    failure: str | None = None

    @property
    def source(self) -> str:
        """Path or name that was read."""
        return self.key.source

    @property
    def model(self) -> ModelIdentity:
        """Whose opinion it is."""
        return self.diagnoses[0].model

    @property
    def operating_point(self) -> OperatingPoint:
        """At which thresholds."""
        return self.diagnoses[0].operating_point

    @property
    def key_diagnosis(self) -> Diagnosis:
        """The opinion on the key frame."""
        return next(diagnosis for diagnosis in self.diagnoses if diagnosis.frame == self.key.number)

    @property
    def reference(self) -> Dataset:
        """The header; raises :class:`DataError` where the source is no DICOM."""
        if self.header is None:
            raise DataError(
                "not a DICOM file, so it has no patient and study that an object could belong to",
                source=self.source,
                hint="Convert it to DICOM first, for instance with dcmtk's img2dcm",
            )
        return self.header

    @property
    def sop_instance_uid(self) -> str:
        """Of the source object."""
        return str(self.reference.SOPInstanceUID)

    @property
    def study_uid(self) -> str:
        """Of the source's study."""
        return str(self.reference.StudyInstanceUID)

    @property
    def series_uid(self) -> str:
        """Of the source's series."""
        return str(self.reference.SeriesInstanceUID)

    @property
    def is_multiframe(self) -> bool:
        """Whether references to the source carry a frame number (PS3.3 10.3, C.18.4)."""
        return int(self.reference.get("NumberOfFrames") or 1) > 1 or str(self.reference.SOPClassUID) in MULTIFRAME

    def frame_numbers(self, frame: int) -> list[int] | None:
        """1-based frame number for a reference to 0-based ``frame``, ``None`` for a single image."""
        return [frame + 1] if self.is_multiframe else None

    def findings(self) -> Iterator[tuple[int, int, Finding]]:
        """0-based frame, 1-based number on it, finding; over all frames."""
        for diagnosis in self.diagnoses:
            for number, finding in enumerate(diagnosis.findings, 1):
                yield diagnosis.frame, number, finding

    def in_image(self, box: Box) -> Box:
        """A box of a frame in pixels of the whole stored image, where a frame shows an ultrasound region of it only.

        Sub-pixel, ``0, 0`` being the upper-left corner of the upper-left pixel, as in ``Box`` and in DICOM (PS3.3 C.18.6.1.1).
        """
        inside = box.clipped(self.key.width, self.key.height)
        region = self.key.region
        return inside if region is None else replace(inside, x=inside.x + region.x, y=inside.y + region.y)


class Collector:
    """Puts the frames of one source together. Holds the pixels of one frame, however long a loop is."""

    def __init__(self) -> None:
        self._diagnoses: list[Diagnosis] = []
        self._key: Frame | None = None
        self._best = (-1.0, -1.0)

    def add(self, result: tuple[Frame, Diagnosis] | Failure) -> Iterator[Instance | Failure]:
        """Take the next result of a stream; gives what is complete by then."""
        if isinstance(result, Failure):
            if self._key is not None and self._key.source == result.source:
                yield from self._complete(result.reason)  # a loop that is damaged in the middle
            else:
                yield from self.finish()
                yield result
            return
        frame, diagnosis = result
        if self._key is not None and (self._key.source, self._key.sha256) != (frame.source, frame.sha256):
            yield from self.finish()
        self._diagnoses.append(diagnosis)
        rank = _rank(diagnosis)
        if self._key is None or rank > self._best:
            self._key, self._best = frame, rank

    def finish(self) -> Iterator[Instance | Failure]:
        """What is still open at the end of the stream."""
        yield from self._complete(None)

    def _complete(self, failure: str | None) -> Iterator[Instance | Failure]:
        if self._key is None:
            return
        diagnoses, key = tuple(self._diagnoses), self._key
        self._diagnoses, self._key, self._best = [], None, (-1.0, -1.0)
        yield instance_of(key, diagnoses, failure)


def instances(stream: Iterable[tuple[Frame, Diagnosis] | Failure]) -> Iterator[Instance | Failure]:
    """Instances of a stream as :meth:`usnet.diagnosis.Diagnoser.stream_frames` gives it, one for each source.

    A source that could not be read at all stays a :class:`Failure`; one that broke off has ``Instance.failure``.
    """
    collector = Collector()
    for result in stream:
        yield from collector.add(result)
    yield from collector.finish()


def instance_of(
    key: Frame, diagnoses: Iterable[Diagnosis], failure: str | None = None, header: Dataset | None = None
) -> Instance | Failure:
    """An instance from its parts; the header is read from ``key.source`` where it is not given.

    A DICOM source whose header cannot be read any more, or has changed, becomes a :class:`Failure`.
    """
    from usnet.dicom.source import header as read_header
    from usnet.dicom.source import is_dicom
    from usnet.errors import UsnetError

    found = tuple(diagnoses)
    if not found:
        raise ConfigError("an instance without a diagnosis", source=key.source)
    try:
        if header is None and is_dicom(key.source):
            header = read_header(key.source)
    except UsnetError as error:
        return Failure(key.source, error.message)
    if header is not None and key.uid is not None and key.uid != str(header.SOPInstanceUID):
        return Failure(key.source, "the file is not the one that was diagnosed: its SOP Instance UID differs")
    return Instance(header, found, key, failure)


def _rank(diagnosis: Diagnosis) -> tuple[float, float]:
    """The frame to show: greatest probability of malignancy of a finding, else that of the whole frame."""
    highest = max((finding.probability for finding in diagnosis.findings), default=-1.0)
    return highest, diagnosis.p_malignant
