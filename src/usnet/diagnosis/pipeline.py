"""Images to diagnoses: read, letterbox, network, decode, opinion. The same path for one image and for an archive."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from usnet.bundles import Bundle, load
from usnet.bundles.decode import Candidates, candidates
from usnet.diagnosis.ahead import in_order, read_ahead
from usnet.diagnosis.cine_looks import Look, LookPlan, Slots, joined, take
from usnet.diagnosis.drawn import candidate_at, inside
from usnet.diagnosis.engine import Engine, open_engine
from usnet.diagnosis.gate import gate_of
from usnet.diagnosis.grouping import GroupBy
from usnet.diagnosis.opinion import findings, opinion
from usnet.diagnosis.prepare import Prepared, Preparer, Source, batched
from usnet.diagnosis.readers import read_in_processes
from usnet.diagnosis.second_look import SecondLooker
from usnet.diagnosis.sources import Item
from usnet.errors import BundleError
from usnet.images import Limits
from usnet.values import Box, Diagnosis, Failure, Finding, Frame, OperatingPoint, corners_array

FloatArray = npt.NDArray[np.float32]
FEW = 4
"""Batches of a stream for which an engine is not arranged anew."""


@dataclass(slots=True)
class _Batch:
    """Some steps of a stream and what has become of them: an entry of ``found`` and ``slots`` a frame; ``seconds`` of one frame.

    ``beside`` says that other batches are worked on at the same time.
    """

    steps: list[Prepared | Failure]
    frames: list[Prepared]
    found: list[Candidates | None]
    seconds: float = 0.0
    beside: bool = False
    slots: list[Slots] = field(default_factory=list)
    asked: list[Look] = field(default_factory=list)


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
        if settings is not None and self.engine.second_look is not None:
            settings = settings.model_copy(update={"file": self.engine.second_look})
        library = self.engine.library
        self.second_look = None if settings is None else SecondLooker(self.bundle, settings, threads, library)
        self.gate = gate_of(self.bundle) if gate else None
        self.preparer = Preparer(self.bundle.manifest, self.gate, limits)

    @property
    def description(self) -> str:
        """The engine's; and the second look's, where another library or precision runs it."""
        found, look = self.engine.description, self.second_look
        return found if look is None or look.description == found else f"{found}; second look: {look.description}"

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
        (result,) = self._straight([self.preparer.first(source)])
        if isinstance(result, Failure):
            raise _not_finite(result.source)
        return result[1]

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
        prepared = self.preparer.frame(frame, frame.source, None, time.perf_counter())
        logits, deltas = (head[0] for head in self.engine.run(prepared.image[None]))
        if not _finite(logits, deltas):
            raise _not_finite(frame.source)
        corners = prepared.transform.to_network(corners_array([drawn])).astype(np.float32)
        found = candidate_at(corners, logits, deltas, manifest)
        if self.second_look is not None:
            (found,) = self.second_look.review([(frame, prepared.transform, found)])
        said = findings([drawn], found, manifest.calibration, self.operating_point, frame.spacing_mm)
        return said[0]

    def stream(
        self, paths: Iterable[str | Path | Item], *, batch_size: int = 4, group_by: GroupBy = "none"
    ) -> Iterator[Diagnosis | Failure]:
        """Diagnose many files in order; see :meth:`stream_frames`."""
        for result in self.stream_frames(paths, batch_size=batch_size, group_by=group_by):
            yield result if isinstance(result, Failure) else result[1]

    def stream_frames(
        self,
        paths: Iterable[str | Path | Item],
        *,
        batch_size: int = 4,
        group_by: GroupBy = "none",
        readers: int = 0,
    ) -> Generator[tuple[Frame, Diagnosis] | Failure]:
        """Diagnose many files, each result with the frame it was made on, in the order of the files.

        Every frame of a multi-frame file gives one result. A file that cannot be read and a frame that the gate refuses give a
        :class:`Failure` in their place, and the rest goes on. Files are read in a thread, or in ``readers`` processes
        (:mod:`usnet.diagnosis.readers`), and batches run side by side (``engine.lanes``). At most ``2 * lanes + 3`` batches are
        under way, so memory does not grow with the files' number and nothing is read that nobody asks for. In a loop a nodule
        gets a second look now and then (:mod:`usnet.diagnosis.cine_looks`).
        """
        items = (path if isinstance(path, Item) else Item(Path(path)) for path in paths)
        lanes = self.engine.lanes
        read = (
            read_in_processes(self.preparer, items, group_by, readers)
            if readers
            else self.preparer.files(items, group_by)
        )
        with (
            closing(read_ahead(read, batch_size)) as steps,
            ThreadPoolExecutor(lanes, thread_name_prefix="usnet-lane") as pool,
            closing(
                in_order(pool, self._detect_nth, enumerate(batched(steps, max(1, batch_size))), lanes + 1)
            ) as detected,
            closing(self._with_looks(pool, detected, lanes)) as batches,
        ):
            for batch in batches:
                yield from self._finish(batch)

    def _straight(self, steps: list[Prepared | Failure]) -> Iterator[tuple[Frame, Diagnosis] | Failure]:
        """Results of one batch, in this thread."""
        return self._finish(self._look(self._plan(self._detect(steps), self._new_plan())))

    def _with_looks(self, pool: ThreadPoolExecutor, detected: Generator[_Batch], lanes: int) -> Generator[_Batch]:
        """Batches with their second looks taken, in order."""
        if self.second_look is None:
            return detected
        plan = self._new_plan()
        return in_order(pool, self._look, (self._plan(batch, plan) for batch in detected), lanes)

    def _finish(self, batch: _Batch) -> Iterator[tuple[Frame, Diagnosis] | Failure]:
        """Results of one batch, in its order."""
        found, slots = iter(batch.found), iter(batch.slots)
        for step in batch.steps:
            if isinstance(step, Failure):
                yield step
                continue
            one = next(found)
            if one is None:
                yield Failure(step.frame.source, _not_finite(step.frame.source).message)
                continue
            if self.second_look is not None:
                one = joined(one, next(slots), self.second_look.settings)
            yield step.frame, self._diagnosis(step, one, batch.seconds)

    def _detect_nth(self, numbered: tuple[int, list[Prepared | Failure]]) -> _Batch:
        number, steps = numbered
        return self._detect(steps, beside=number >= FEW and self.engine.lanes > 1)

    def _detect(self, steps: list[Prepared | Failure], *, beside: bool = False) -> _Batch:
        """Candidates of each frame of a batch, ``None`` where the network's values are not finite."""
        start = time.perf_counter()
        frames = [step for step in steps if isinstance(step, Prepared)]
        if not frames:
            return _Batch(steps, [], [])
        engine = self.engine.side_by_side() if beside else self.engine
        heads = engine.run(np.stack([prepared.image for prepared in frames]))
        found = [self._decode(logits, deltas) for logits, deltas in zip(*heads, strict=True)]
        return _Batch(steps, frames, found, (time.perf_counter() - start) / len(frames), beside)

    def _new_plan(self) -> LookPlan | None:
        return None if self.second_look is None else LookPlan(self.second_look.settings)

    def _plan(self, batch: _Batch, plan: LookPlan | None) -> _Batch:
        if plan is None:
            return batch
        for prepared, found in zip(batch.frames, batch.found, strict=True):
            slots, asked = plan.plan(prepared, found)
            batch.slots.append(slots)
            batch.asked += asked
        return batch

    def _look(self, batch: _Batch) -> _Batch:
        """The second look at what was planned; runs beside other batches, so nothing of them is read here."""
        if self.second_look is not None and batch.asked:
            start = time.perf_counter()
            take(self.second_look, batch.asked, side_by_side=batch.beside)
            batch.seconds += (time.perf_counter() - start) / len(batch.frames)
        return batch

    def _decode(self, logits: FloatArray, deltas: FloatArray) -> Candidates | None:
        if not _finite(logits, deltas):
            return None
        return candidates(logits, deltas, self.bundle.manifest.anchors, self.bundle.manifest.postprocessing)

    def _diagnosis(self, prepared: Prepared, found: Candidates, seconds: float) -> Diagnosis:
        start = time.perf_counter()
        manifest, frame = self.bundle.manifest, prepared.frame
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


def _finite(logits: FloatArray, deltas: FloatArray) -> bool:
    return bool(np.isfinite(logits).all() and np.isfinite(deltas).all())


def _not_finite(source: str) -> BundleError:
    hint = "Verify or export the bundle again"
    return BundleError("the network gave values that are not finite", source=source, hint=hint)
