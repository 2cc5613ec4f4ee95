"""An archive as the node sees it, whatever it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol

from usnet.errors import ConfigError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Level = Literal["patient", "study", "series", "image"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object belongs."""

    study: str
    series: str
    instance: str


class Link(Protocol):
    """A way to an archive that is open."""

    def has(self, places: Iterable[Place]) -> set[str]:
        """SOP Instance UIDs of those that the archive says it has."""

    def store(self, path: Path) -> None:
        """Send a DICOM file. Raises :class:`usnet.errors.PacsError` where the archive does not take it."""

    def find(self, level: Level, filters: dict[str, str], fields: Iterable[str] = ()) -> Iterator[Dataset]:
        """What matches ``filters`` (keyword: value), with those and ``fields`` filled in."""

    def __enter__(self) -> Link: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


LEVEL_FIELDS: dict[Level, tuple[str, ...]] = {
    "patient": ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    "study": (
        *("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "StudyTime", "AccessionNumber"),
        *("StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"),
    ),
    "series": ("StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription"),
    "image": ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber"),
}
"""What is asked for at each level."""


def filters_named(texts: Iterable[str]) -> dict[str, str]:
    """``["PatientID=P1", "StudyDate=20200101-"]`` as a table.

    Raises
    ------
    ConfigError
        Not ``KEYWORD=VALUE``, or no attribute of DICOM has that keyword.
    """
    from pydicom.datadict import tag_for_keyword

    found: dict[str, str] = {}
    for text in texts:
        keyword, equals, value = text.partition("=")
        if not equals or tag_for_keyword(keyword) is None:
            raise ConfigError(f"filter {text!r}", expected="KEYWORD=VALUE with a DICOM keyword, such as PatientID=P1")
        found[keyword] = value
    return found
