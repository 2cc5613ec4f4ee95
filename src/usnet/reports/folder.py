"""The output folder of a diagnosis: every file in it, written while results stream in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import usnet
from usnet.diagnosis.fuse import Groups
from usnet.diagnosis.grouping import GroupBy
from usnet.diagnosis.loops import LoopOpinion, Loops
from usnet.diagnosis.pipeline import Diagnoser
from usnet.errors import ConfigError
from usnet.reports.coco import FindingsFile, images_path
from usnet.reports.csv_table import GROUP_COLUMNS, Table, group_row, row_of
from usnet.reports.html import Entry, Summary, write_report
from usnet.reports.loops import write_loops
from usnet.reports.names import OutputNames
from usnet.reports.one_json import read_json, write_json
from usnet.reports.overlay import save_overlay
from usnet.values import LABELS, Diagnosis, Failure, Frame

TABLE, FINDINGS, REPORT, GROUPS = "diagnoses.csv", "findings.json", "report.html", "groups.csv"
LOOPS = "loops.json"


class ResultFolder:
    """``diagnoses.csv``, ``findings.json``, ``json/``, ``overlays/``, ``report.html``; with groups ``groups.csv``, with cine
    ``loops.json``.

    Parameters
    ----------
    folder
        Made if it is missing.
    diagnoser
        Whose results these are.
    numbers
        COCO image ids by image id; see :class:`~usnet.reports.coco.FindingsFile`.
    group_by
        Fuse views; see :mod:`usnet.diagnosis.fuse`.
    overlays
        Draw a picture for every image. Without, the report has no pictures.
    overwrite
        Replace results that are already there.

    Raises
    ------
    ConfigError
        The folder holds results and ``overwrite`` is false, or it cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        diagnoser: Diagnoser,
        *,
        numbers: Mapping[str, int] | None = None,
        group_by: GroupBy = "none",
        overlays: bool = True,
        overwrite: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.counts: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self._diagnoser, self._overlays = diagnoser, overlays
        _make(self.folder, overwrite)
        self._names = OutputNames()
        self._stems: list[str] = []
        self._groups = Groups(group_by)
        self._loops = Loops()
        self._loop_opinions: list[LoopOpinion] = []
        self._table = Table(self.folder / TABLE)
        self._findings = FindingsFile(self.folder / FINDINGS, numbers)

    def add(self, result: tuple[Frame, Diagnosis] | Failure) -> None:
        """Write one result to every file."""
        if isinstance(result, Failure):
            self.failures.append(result)
            self._table.add(row_of(result))
            return
        frame, diagnosis = result
        stem = self._names.unique(diagnosis.image_id)
        write_json(diagnosis, self.folder / "json" / f"{stem}.json")
        if self._overlays:
            save_overlay(frame, diagnosis, self.folder / "overlays" / f"{stem}.png")
        self._findings.add(diagnosis)
        self._table.add(row_of(diagnosis))
        self._groups.add(diagnosis)
        self._keep_loop(self._loops.add(diagnosis))
        self._stems.append(stem)
        self.counts[diagnosis.label] += 1

    def finish(self) -> Path:
        """Complete every file and return the report's path."""
        self._table.close()
        self._findings.close()
        groups = list(self._groups.opinions())
        if groups:
            with Table(self.folder / GROUPS, GROUP_COLUMNS) as table:
                for opinion in groups:
                    table.add(group_row(opinion))
        self._keep_loop(self._loops.finish())
        loops = self._loop_opinions
        if loops:
            write_loops(loops, self.folder / LOOPS)
        entries = _Entries(self.folder, tuple(self._stems), self._overlays)
        return write_report(self.folder / REPORT, self._summary(), entries, self.failures, groups, loops)

    def _keep_loop(self, opinion: LoopOpinion | None) -> None:
        if opinion is not None:
            self._loop_opinions.append(opinion)

    def _summary(self) -> Summary:
        return Summary(
            version=usnet.__version__,
            finished=datetime.now(UTC).isoformat(sep=" ", timespec="seconds"),
            model=self._diagnoser.bundle.identity,
            operating_point=self._diagnoser.operating_point,
            calibration=self._diagnoser.bundle.manifest.calibration.origin,
            engine=self._diagnoser.description,
            counts={label: self.counts[label] for label in LABELS},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.close()


@dataclass(frozen=True, slots=True)
class _Entries:
    """The images of the report, read from their JSON files at each iteration."""

    folder: Path
    stems: tuple[str, ...]
    overlays: bool

    def __iter__(self) -> Iterator[Entry]:
        for stem in self.stems:
            path = self.folder / "json" / f"{stem}.json"
            overlay = self.folder / "overlays" / f"{stem}.png" if self.overlays else None
            yield Entry(read_json(path), path, overlay, self.folder)


def _make(folder: Path, overwrite: bool) -> None:
    """The folder and its sub-folders; earlier results are taken away, and nothing else."""
    own = [folder / name for name in (TABLE, FINDINGS, REPORT, GROUPS, LOOPS)]
    own.append(images_path(folder / FINDINGS))
    if not overwrite and any(path.exists() for path in own):
        raise ConfigError(
            "the folder already holds results", source=folder, hint="Name another folder, or add --overwrite"
        )
    try:
        for name, pattern in (("json", "*.json"), ("overlays", "*.png")):
            (folder / name).mkdir(parents=True, exist_ok=True)
            own += (folder / name).glob(pattern)
        for path in own:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be written ({error.strerror})", source=folder, expected="a folder of your own"
        ) from error
