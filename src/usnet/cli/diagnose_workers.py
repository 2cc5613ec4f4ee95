"""``usnet diagnose --engine-workers``: the same results as a plain run, made by the workers of a Ray cluster.

Files are dealt out in parts. A worker writes the results of a part as one file below ``OUT/parts``, named after what went into it:
the files with size and time, the model and the settings. So a part that is there need not be done again, one done twice is the same
file, and one of another model or of a changed file is never taken.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from usnet.errors import BundleError, ConfigError, DataError, UsnetError

if TYPE_CHECKING:
    from usnet.diagnosis.farm import Farm
    from usnet.diagnosis.grouping import GroupBy
    from usnet.diagnosis.pipeline import Diagnoser
    from usnet.diagnosis.sources import Item
    from usnet.reports.shards import Result

PARTS = "parts"
FILES = 64
"""Files of a part: a few seconds of work, so that little is lost and the start of each weighs little."""
PROCESSORS = 2
"""Of a worker, and threads of its network, unless --threads says otherwise."""

Stamp = tuple[int, int] | None
"""Size and time of change of a file; ``None`` where there is none."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some files, what they looked like when the run began, and the file that their results go to."""

    items: tuple[Item, ...]
    stamps: tuple[Stamp, ...]
    shard: Path


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the model is opened, here and in every worker: options of the command by their names."""

    bundle: str | None
    engine: str
    device: str
    precision: str
    threads: int | None
    operating_point: str | None
    gate: bool
    group_by: GroupBy

    def open(self) -> Diagnoser:
        """The model in a running engine."""
        from usnet.bundles import load
        from usnet.cli.engines import open_chosen
        from usnet.diagnosis.pipeline import Diagnoser

        model = load(self.bundle)
        engine = open_chosen(model, self.engine, self.device, self.precision, self.threads)
        point, threads, gate = self.operating_point, self.threads, self.gate
        return Diagnoser(model, engine=engine, operating_point=point, threads=threads, gate=gate)

    def for_workers(self) -> Recipe:
        """The same on the processors of a worker.

        Raises
        ------
        MissingExtra
            Ray is not installed here.
        ConfigError
            Another device was asked for.
        """
        from usnet.diagnosis.farm import need_ray

        need_ray()
        if self.device not in ("auto", "cpu"):
            raise ConfigError(f"workers on {self.device}", expected="--device cpu: Ray deals out processors")
        return replace(self, device="cpu", threads=self.threads or PROCESSORS)


@dataclass(frozen=True, slots=True)
class Start:
    """What each worker does first: open the model, and see that it is the one ``settings`` was made of (:func:`fingerprint`)."""

    recipe: Recipe
    settings: str

    def __call__(self) -> Callable[[Part], None]:
        """Returns what does a part."""
        diagnoser, rule = self.recipe.open(), self.recipe.group_by
        if fingerprint(diagnoser, rule) != self.settings:
            raise BundleError(
                f"a worker opened {diagnoser.bundle.identity.sha256[:12]} in {diagnoser.description}, not the same as here",
                source=diagnoser.bundle.path,
                hint="Install the same usnet on every machine, or name engine and precision",
            )

        def do(part: Part) -> None:
            _check_mounted(part)
            _write(part, diagnoser.stream_frames(part.items, group_by=rule))

        return do


@dataclass(frozen=True, slots=True)
class Workers:
    """Where the workers are (``local``, ``ray://...``), how they open the model, and how many files make a part."""

    address: str
    recipe: Recipe
    files: int = FILES

    @contextmanager
    def results(
        self, items: Sequence[Item], diagnoser: Diagnoser, out: Path, *, pixels: bool
    ) -> Iterator[Iterator[Result]]:
        """Results in the order of the items, as :meth:`Diagnoser.stream_frames` gives them; a run that was stopped goes on.

        ``diagnoser`` is the same model, opened here. ``pixels`` reads every file once more, here, for outputs that show it; else
        frames are black. When the block is left without an error the parts are deleted.
        """
        from usnet.diagnosis.farm import Farm, connected

        folder = (out / PARTS).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        settings = fingerprint(diagnoser, self.recipe.group_by)
        parts = list(_parts(items, folder, self.files, settings))
        with connected(self.address) as ray:
            farm: Farm[Part] = Farm(ray, Start(self.recipe, settings), self.recipe.threads or PROCESSORS)
            with closing(farm), closing(_in_order(farm, parts)) as found:
                yield _with_pixels(found) if pixels else found
        shutil.rmtree(folder)


def fingerprint(diagnoser: Diagnoser, group_by: GroupBy) -> str:
    """What results depend on besides the files: version, model with all its settings, engine, precision, operating point, gate."""
    import usnet

    said = [
        usnet.__version__,
        diagnoser.bundle.identity.sha256,
        hashlib.sha256(diagnoser.bundle.manifest.model_dump_json().encode()).hexdigest(),
        diagnoser.description,
        asdict(diagnoser.operating_point),
        diagnoser.gate is not None,
        group_by,
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def unfinished(out: Path) -> bool:
    """Whether a run of workers into this folder was stopped: what it left is gone on with, not in the way."""
    return (out / PARTS).is_dir()


def _parts(items: Sequence[Item], folder: Path, size: int, settings: str) -> Iterator[Part]:
    for start in range(0, len(items), size):
        some = tuple(items[start : start + size])
        stamps = tuple(_stamp(item.path) for item in some)
        content = [settings, [[str(i.path), i.image_id, i.number, i.patient] for i in some], stamps]
        name = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        yield Part(some, stamps, folder / f"{start // size:06d}-{name}.jsonl")


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _check_mounted(part: Part) -> None:
    """A machine without the archive must not report its files as unreadable."""
    for item, stamp in zip(part.items, part.stamps, strict=True):
        if stamp is not None and not item.path.parent.is_dir():
            raise DataError("this folder is not on the worker's machine", source=item.path.parent.absolute())


def _write(part: Part, results: Iterable[Result]) -> None:
    from usnet.reports.shards import write_shard

    try:
        write_shard(part.shard, results)
    except OSError as error:
        raise ConfigError(
            f"a worker cannot write here ({error.strerror})",
            source=part.shard.parent,
            hint="Put the output folder on a file system that all machines share",
        ) from error


def _in_order(farm: Farm[Part], parts: list[Part]) -> Generator[Result]:
    """Results of the parts in their order, while workers do those that are missing."""
    from usnet.reports.shards import is_whole, read_shard

    done = [is_whole(part.shard) for part in parts]
    ended = _work_off(farm, [number for number, there in enumerate(done) if not there], parts)
    for number, part in enumerate(parts):
        while not done[number]:
            done[next(ended)] = True
        yield from read_shard(part.shard)


def _work_off(farm: Farm[Part], missing: list[int], parts: list[Part]) -> Iterator[int]:
    """Do the missing parts; their numbers as they are done. A part that workers die over is done file by file at the end."""
    deadly = []
    for index, alive in farm.run([parts[number] for number in missing]):
        if alive:
            yield missing[index]
        else:
            deadly.append(missing[index])
    for number in deadly:
        _file_by_file(farm, parts[number])
        yield number


def _file_by_file(farm: Farm[Part], part: Part) -> None:
    """Do a part with a file in it that ends its worker: that file fails, the others do not."""
    from usnet.reports.shards import read_shard
    from usnet.values import Failure

    singles = [
        Part((item,), (stamp,), part.shard.with_suffix(f".{number}.jsonl"))
        for number, (item, stamp) in enumerate(zip(part.items, part.stamps, strict=True))
    ]
    for index, alive in farm.run(singles, ahead=1):
        if not alive:
            source = str(singles[index].items[0].path)
            _write(singles[index], [Failure(source, "every worker that tried it ended")])
    _write(part, (result for single in singles for result in read_shard(single.shard)))


def _with_pixels(results: Iterable[Result]) -> Iterator[Result]:
    """The same results with what their frames show, read again; a file that has changed meanwhile is a failure."""
    from usnet.images import read_frames
    from usnet.values import Failure, Frame

    source, last = "", -1
    frames: Iterator[Frame] = iter(())
    for result in results:
        if isinstance(result, Failure):
            yield result
            continue
        known, diagnosis = result
        if known.source != source or known.number <= last:
            source, frames = known.source, read_frames(known.source)
        last = known.number
        try:
            frame = next((f for f in frames if f.number == known.number), None)
        except UsnetError as error:
            yield Failure(source, error.message)
            continue
        if frame is None or frame.sha256 != known.sha256:
            yield Failure(source, "the file has changed since it was diagnosed")
        else:
            yield frame, diagnosis
