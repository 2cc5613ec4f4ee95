"""Images to diagnoses: read, letterbox, network, decode, opinion. The same path for one image and for an archive."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from usnet.bundles import Bundle, load
from usnet.bundles.decode import Candidates, candidates
from usnet.diagnosis.ahead import read_ahead
from usnet.diagnosis.drawn import candidate_at, inside
from usnet.diagnosis.engine import Engine, open_engine
from usnet.diagnosis.gate import NoBreastUltrasound, gate_of
from usnet.diagnosis.grouping import GroupBy, group_of
from usnet.diagnosis.opinion import findings, opinion
from usnet.diagnosis.second_look import SecondLooker
from usnet.diagnosis.sources import Item, frame_of
from usnet.diagnosis.warnings import frame_warnings
from usnet.errors import BundleError, UsnetError
from usnet.images import LetterboxTransform, Limits, frame_count, letterbox, read_frames
from usnet.values import Box, Diagnosis, Failure, Finding, Frame, OperatingPoint, corners_array

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]
Source = str | Path | bytes | Frame | npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A frame ready for the network, and what its diagnosis will be called."""

    frame: Frame
    image: FloatArray
    transform: LetterboxTransform
    image_id: str
    group: str | None
    warnings: tuple[str, ...]
    seconds: float


class Diagnoser:
    """A bundle in a running engine.

    Parameters
    ----------
    bundle
        A loaded bundle, a bundle's path or shipped name, or ``None`` for the default one.
    engine
        ``auto``, ``onnxruntime`` or ``openvino``, or a running :class:`~usnet.diagnosis.engine.Engine` of this bundle.
    operating_point
        The name of one of the bundle's operating points, or thresholds of your own; ``None`` for the bundle's default.
    threads
        Threads inside one network operation; ``None`` for the engine's default.
    limits
        Bounds on input files, checked before decoding.
    device, precision
        See :func:`usnet.diagnosis.engine.open_engine`; below ``f32`` only what the bundle states to agree.
    gate
        Whether the bundle's gate (see :mod:`usnet.diagnosis.gate`), where it has one, may refuse frames.

    Raises
    ------
    BundleError
        There is no such bundle, or it is damaged.
    ConfigError
        No such engine, device, precision or operating point.
    """

    def __init__(
        self,
        bundle: Bundle | str | Path | None = None,
        *,
        engine: str | Engine = "auto",
        device: str = "auto",
        precision: str = "auto",
        operating_point: str | OperatingPoint | None = None,
        threads: int | None = None,
        limits: Limits = Limits(),
        gate: bool = True,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else load(bundle)
        self.operating_point = (
            operating_point
            if isinstance(operating_point, OperatingPoint)
            else self.bundle.operating_point(operating_point)
        )
        self.engine: Engine = (
            open_engine(self.bundle, engine, threads, device=device, precision=precision)
            if isinstance(engine, str)
            else engine
        )
        settings = self.bundle.manifest.second_look
        self.second_look = None if settings is None else SecondLooker(self.bundle, settings, threads)
        self.limits = limits
        self.gate = gate_of(self.bundle) if gate else None

    def diagnose(self, source: Source) -> Diagnosis:
        """Diagnose one image: a path, a file's bytes, a :class:`Frame`, or ``uint8 [H, W]`` grey pixels.

        Of a file with several frames the first is taken, with a warning; :meth:`stream` takes them all.

        Raises
        ------
        UnreadableImage
            The source cannot be decoded.
        NoBreastUltrasound
            The gate refuses the frame.
        BundleError
            The network gave values that are not finite.
        """
        prepared = next(self._prepare_source(source))
        (found,), seconds = self._run([prepared])
        return self._diagnosis(prepared, found, seconds)

    def score_box(self, frame: Frame, box: Box) -> Finding:
        """What the model says of a box that somebody drew: how strongly it sees a nodule there, and how likely it is malignant.

        The finding's box is the drawn one, cut to the frame; it need not be a finding of :meth:`diagnose`.

        Raises
        ------
        DataError
            The box does not lie on the frame.
        BundleError
            The network gave values that are not finite.
        """
        drawn, manifest = inside(box, frame), self.bundle.manifest
        prepared = self._prepare(frame, frame.source, None, time.perf_counter())
        logits, deltas = (head[0] for head in self.engine.run(prepared.image[None]))
        if not _finite(logits, deltas):
            raise _not_finite(frame)
        corners = prepared.transform.to_network(corners_array([drawn])).astype(np.float32)
        found = candidate_at(corners, logits, deltas, manifest)
        if self.second_look is not None:
            (found,) = self.second_look.review([(frame, prepared.transform, found)])
        said = findings([drawn], found, manifest.calibration.malignancy, self.operating_point, frame.spacing_mm)
        return said[0]

    def stream(
        self, paths: Iterable[str | Path | Item], *, batch_size: int = 4, group_by: GroupBy = "none"
    ) -> Iterator[Diagnosis | Failure]:
        """Diagnose many files in order; see :meth:`stream_frames`."""
        for result in self.stream_frames(paths, batch_size=batch_size, group_by=group_by):
            yield result if isinstance(result, Failure) else result[1]

    def stream_frames(
        self, paths: Iterable[str | Path | Item], *, batch_size: int = 4, group_by: GroupBy = "none"
    ) -> Iterator[tuple[Frame, Diagnosis] | Failure]:
        """Diagnose many files, each result with the frame it was made on.

        Every frame of a multi-frame file gives one result. A file that cannot be read and a frame that the gate refuses give a
        :class:`Failure` in their place, and the rest goes on. Files are read in a thread, at most ``2 * batch_size`` frames ahead
        of what has been taken, so memory does not grow with their number and nothing is read that nobody asks for.
        """
        items = (path if isinstance(path, Item) else Item(Path(path)) for path in paths)
        with closing(read_ahead(self._prepare_all(items, group_by), batch_size)) as steps:
            for batch in _batches(steps, max(1, batch_size)):
                yield from self._finish(batch)

    def _finish(self, batch: Sequence[_Prepared | Failure]) -> Iterator[tuple[Frame, Diagnosis] | Failure]:
        """Results of one batch, in its order."""
        frames = [step for step in batch if isinstance(step, _Prepared)]
        if frames:
            found, seconds = self._run(frames)
        position = 0
        for step in batch:
            if isinstance(step, Failure):
                yield step
                continue
            try:
                yield step.frame, self._diagnosis(step, found[position], seconds)
            except UsnetError as error:
                yield Failure(step.frame.source, error.message)
            position += 1

    def _run(self, batch: Sequence[_Prepared]) -> tuple[list[Candidates | None], float]:
        """Candidates of each image of a batch, ``None`` where the network's values are not finite; seconds an image took."""
        start = time.perf_counter()
        heads = self.engine.run(np.stack([prepared.image for prepared in batch]))
        found = [self._decode(logits, deltas) for logits, deltas in zip(*heads, strict=True)]
        if self.second_look is not None:
            seen = [(p.frame, p.transform, c) for p, c in zip(batch, found, strict=True) if c is not None]
            reviewed = iter(self.second_look.review(seen))
            found = [None if c is None else next(reviewed) for c in found]
        return found, (time.perf_counter() - start) / len(batch)

    def _decode(self, logits: FloatArray, deltas: FloatArray) -> Candidates | None:
        if not _finite(logits, deltas):
            return None
        return candidates(logits, deltas, self.bundle.manifest.anchors, self.bundle.manifest.postprocessing)

    def _diagnosis(self, prepared: _Prepared, found: Candidates | None, seconds: float) -> Diagnosis:
        start = time.perf_counter()
        manifest, frame = self.bundle.manifest, prepared.frame
        if found is None:
            raise _not_finite(frame)
        said = opinion(found, manifest, self.operating_point, prepared.transform, frame.spacing_mm)
        return Diagnosis(
            image_id=prepared.image_id,
            source=frame.source,
            width=frame.width,
            height=frame.height,
            findings=said.findings,
            p_benign=said.p_benign,
            p_malignant=said.p_malignant,
            p_normal=said.p_normal,
            label=said.label,
            operating_point=self.operating_point,
            model=self.bundle.identity,
            seconds=prepared.seconds + seconds + time.perf_counter() - start,
            candidates=said.candidates,
            warnings=prepared.warnings,
            frame=frame.number,
            group=prepared.group,
        )

    def _prepare_all(self, items: Iterable[Item], group_by: GroupBy) -> Iterator[_Prepared | Failure]:
        for item in items:
            try:
                yield from self._prepare_file(item, group_by)
            except UsnetError as error:
                yield Failure(str(item.path), _reason(error))
            except Exception as error:  # a fault of ours must not stop the batch either
                logger.exception("unexpected error on %s", item.path)
                yield Failure(str(item.path), f"unexpected {type(error).__name__}: {error}")

    def _prepare_file(self, item: Item, group_by: GroupBy) -> Iterator[_Prepared | Failure]:
        start = time.perf_counter()
        name = item.image_id or str(item.path)
        several = frame_count(item.path, limits=self.limits) > 1
        for frame in read_frames(item.path, limits=self.limits):
            image_id = f"{name}#{frame.number:04d}" if several else name
            try:
                yield self._prepare(frame, image_id, group_of(group_by, item, frame), start)
            except NoBreastUltrasound as error:
                yield Failure(f"{item.path}#{frame.number:04d}" if several else str(item.path), _reason(error))
            start = time.perf_counter()

    def _prepare_source(self, source: Source) -> Iterator[_Prepared]:
        start = time.perf_counter()
        if isinstance(source, np.ndarray):
            source = frame_of(source)
        if isinstance(source, Frame):
            yield self._prepare(source, source.source, None, start)
            return
        several = frame_count(source, limits=self.limits) > 1
        note = ("frames: only the first of several frames was diagnosed",) if several else ()
        for frame in read_frames(source, limits=self.limits):
            yield self._prepare(frame, frame.source, None, start, note)

    def _prepare(
        self, frame: Frame, image_id: str, group: str | None, start: float, notes: tuple[str, ...] = ()
    ) -> _Prepared:
        if self.gate is not None:
            self.gate.check(frame)
        settings = self.bundle.manifest.preprocessing
        image, transform = letterbox(frame.pixels, settings.size, settings.mode)
        warnings = frame_warnings(frame, transform, self.bundle.manifest) + notes
        return _Prepared(frame, image, transform, image_id, group, warnings, time.perf_counter() - start)


def _finite(logits: FloatArray, deltas: FloatArray) -> bool:
    return bool(np.isfinite(logits).all() and np.isfinite(deltas).all())


def _not_finite(frame: Frame) -> BundleError:
    hint = "Verify or export the bundle again"
    return BundleError("the network gave values that are not finite", source=frame.source, hint=hint)


def _batches(steps: Iterator[_Prepared | Failure], size: int) -> Iterator[list[_Prepared | Failure]]:
    """Lists with ``size`` frames each (the last may have fewer), failures between them."""
    batch: list[_Prepared | Failure] = []
    frames = 0
    for step in steps:
        batch.append(step)
        frames += isinstance(step, _Prepared)
        if frames == size or len(batch) == 4 * size:
            yield batch
            batch, frames = [], 0
    if batch:
        yield batch


def _reason(error: UsnetError) -> str:
    """The error without its source, which has a field of its own."""
    text = str(error)
    return text.removeprefix(f"{error.source}: ") if error.source else text
