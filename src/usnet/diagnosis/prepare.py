"""From a file to what the network takes: read, gate, letterbox, warn. Needs no engine, so other processes can do it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from usnet.bundles.manifest import Manifest
from usnet.diagnosis.gate import Gate, NoBreastUltrasound
from usnet.diagnosis.grouping import GroupBy, group_of
from usnet.diagnosis.sources import Item, frame_of
from usnet.diagnosis.warnings import frame_warnings
from usnet.errors import UsnetError
from usnet.images import LetterboxTransform, Limits, letterbox, read_frames
from usnet.values import Failure, Frame

logger = logging.getLogger(__name__)

Source = str | Path | bytes | Frame | npt.NDArray[np.uint8]
_FIRST_ONLY = ("frames: only the first of several frames was diagnosed",)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame ready for the network (``image float32 [1, S, S]``), and what its diagnosis will be called.

    ``cine`` says that its file holds several frames; ``seconds`` is what reading took.
    """

    frame: Frame
    image: npt.NDArray[np.float32]
    transform: LetterboxTransform
    image_id: str
    group: str | None
    warnings: tuple[str, ...]
    seconds: float
    cine: bool


@dataclass(frozen=True, slots=True)
class Preparer:
    """How frames are made ready for one bundle; ``gate`` is ``None`` where nothing is to be refused."""

    manifest: Manifest
    gate: Gate | None
    limits: Limits

    def files(self, items: Iterable[Item], group_by: GroupBy) -> Iterator[Prepared | Failure]:
        """Frames of files, one after another; what cannot be read or is refused is a :class:`Failure` in its place."""
        for item in items:
            yield from self.file(item, group_by)

    def file(self, item: Item, group_by: GroupBy) -> Iterator[Prepared | Failure]:
        """Frames of one file; never raises."""
        try:
            yield from self._frames(item, group_by)
        except UsnetError as error:
            yield Failure(str(item.path), reason(error))
        except Exception as error:  # a fault of ours must not stop the batch either
            logger.exception("unexpected error on %s", item.path)
            yield Failure(str(item.path), f"unexpected {type(error).__name__}: {error}")

    def first(self, source: Source) -> Prepared:
        """The first frame of a source that is not part of a batch.

        Raises
        ------
        UnreadableImage
            The source cannot be decoded, or the gate refuses the frame.
        """
        start = time.perf_counter()
        if isinstance(source, np.ndarray):
            source = frame_of(source)
        if isinstance(source, Frame):
            return self.frame(source, source.source, None, start)
        frame, several = next(_with_count(read_frames(source, limits=self.limits)))
        return self.frame(frame, frame.source, None, start, several, _FIRST_ONLY if several else ())

    def frame(
        self,
        frame: Frame,
        image_id: str,
        group: str | None,
        start: float,
        cine: bool = False,
        notes: tuple[str, ...] = (),
    ) -> Prepared:
        """A frame made ready; its seconds count from ``start`` (:func:`time.perf_counter`).

        Raises
        ------
        NoBreastUltrasound
            The gate refuses it.
        """
        if self.gate is not None:
            self.gate.check(frame)
        settings = self.manifest.preprocessing
        image, transform = letterbox(frame.pixels, settings.size, settings.mode)
        warnings = frame_warnings(frame, transform, self.manifest) + notes
        return Prepared(frame, image, transform, image_id, group, warnings, time.perf_counter() - start, cine)

    def _frames(self, item: Item, group_by: GroupBy) -> Iterator[Prepared | Failure]:
        start = time.perf_counter()
        name = item.image_id or str(item.path)
        for frame, several in _with_count(read_frames(item.path, limits=self.limits)):
            image_id = f"{name}#{frame.number:04d}" if several else name
            try:
                yield self.frame(frame, image_id, group_of(group_by, item, frame), start, several)
            except NoBreastUltrasound as error:
                yield Failure(f"{item.path}#{frame.number:04d}" if several else str(item.path), reason(error))
            start = time.perf_counter()


def batched(steps: Iterator[Prepared | Failure], size: int) -> Iterator[list[Prepared | Failure]]:
    """Lists with ``size`` frames each (the last may have fewer), failures between them."""
    batch: list[Prepared | Failure] = []
    frames = 0
    for step in steps:
        batch.append(step)
        frames += isinstance(step, Prepared)
        if frames == size or len(batch) == 4 * size:
            yield batch
            batch, frames = [], 0
    if batch:
        yield batch


def reason(error: UsnetError) -> str:
    """The error without its source, which has a field of its own."""
    text = str(error)
    return text.removeprefix(f"{error.source}: ") if error.source else text


def _with_count(frames: Iterator[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether its file holds several: known by reading one ahead, so the header is read once."""
    first = next(frames)
    try:
        second = next(frames, None)
    except Exception as error:  # the first frame is sound
        damage: Exception = error
    else:
        yield first, second is not None
        if second is not None:
            yield second, True
            for frame in frames:
                yield frame, True
        return
    yield first, True
    raise damage
