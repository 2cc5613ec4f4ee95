"""One source object with the diagnoses of its frames: an image, or a cine loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from usnet.dicom.lesions import Lesion, lesions_of
from usnet.errors import ConfigError, DataError
from usnet.values import Box, Diagnosis, Finding, Frame, Label, ModelIdentity, OperatingPoint

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.diagnosis.loops import LoopOpinion

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

    Parameters
    ----------
    header
        What :func:`usnet.dicom.source.header` took from the source, ``None`` where the source is no DICOM.
    diagnoses
        One for each frame that was judged, in order.
    key
        The one frame that is kept with its pixels, and shown.
    failure
        Why some of the source was not judged.

    Raises
    ------
    ConfigError
        There is no diagnosis, or none of the key frame.
    """

    header: Dataset | None
    diagnoses: tuple[Diagnosis, ...]
    key: Frame
    failure: str | None = None
    lesions: tuple[Lesion, ...] = field(init=False)
    loop: LoopOpinion | None = field(init=False)

    def __post_init__(self) -> None:
        if self.key.number not in {diagnosis.frame for diagnosis in self.diagnoses}:
            raise ConfigError(f"no diagnosis of frame {self.key.number}", source=self.key.source)
        lesions, loop = lesions_of(self.diagnoses, self.key.number)
        object.__setattr__(self, "lesions", lesions)
        object.__setattr__(self, "loop", loop)

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
    def label(self) -> Label:
        """The call on the image, or on the loop."""
        return self.diagnoses[0].label if self.loop is None else self.loop.label

    @property
    def key_diagnosis(self) -> Diagnosis:
        """What is shown on the key frame: the call on the whole source, and its lesions there, in the order of their numbers."""
        own = next(diagnosis for diagnosis in self.diagnoses if diagnosis.frame == self.key.number)
        if self.loop is None:
            return own
        loop, frame = self.loop, self.key.number
        shown = [_called(one, frame) for one in self.lesions if frame in one.frames]
        return replace(
            own,
            findings=tuple(shown),
            label=loop.label,
            p_benign=loop.p_benign,
            p_malignant=loop.p_malignant,
            p_normal=loop.p_normal,
        )

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
        """0-based frame, number of the lesion, finding: every lesion on every frame that it is on, frame by frame."""
        rows = [(f, one.number, _called(one, f)) for one in self.lesions for f in one.frames]
        return iter(sorted(rows, key=lambda row: row[:2]))

    def in_image(self, box: Box) -> Box:
        """A box of a frame in pixels of the whole stored image, where a frame shows an ultrasound region of it only.

        Sub-pixel, ``0, 0`` being the upper-left corner of the upper-left pixel, as in ``Box`` and in DICOM (PS3.3 C.18.6.1.1).
        """
        inside = box.clipped(self.key.width, self.key.height)
        region = self.key.region
        return inside if region is None else replace(inside, x=inside.x + region.x, y=inside.y + region.y)


def _called(lesion: Lesion, frame: int) -> Finding:
    """A lesion on one of its frames, with the call on all of them."""
    return replace(lesion.findings[lesion.frames.index(frame)], label=lesion.label)
