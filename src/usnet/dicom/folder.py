"""Objects on disk: ``dicom/`` with one file an object, and a table of what was made and what was not, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from usnet.dicom.collecting import Collector
from usnet.dicom.instance import Instance
from usnet.dicom.kinds import Kind, Made, Options
from usnet.dicom.making import make
from usnet.errors import ConfigError, MissingExtra, UsnetError
from usnet.reports.csv_table import Table
from usnet.reports.names import OutputNames
from usnet.values import Diagnosis, Failure, Frame

FOLDER, TABLE = "dicom", "objects.csv"
COLUMNS = ("source", "kind", "state", "file", "sop_instance_uid", "reason")
MADE, NOTHING, FAILED = "made", "nothing", "failed"


class ObjectFolder:
    """``dicom/`` below ``folder``, filled while results stream in.

    ``objects.csv`` has a row for every source and kind: ``made`` with its file, ``nothing`` where there is nothing to show (no
    finding), or ``failed`` with the reason, as for a source that is no DICOM.

    Raises
    ------
    ConfigError
        The folder holds objects and ``overwrite`` is false, or it cannot be written.
    """

    def __init__(
        self, folder: str | Path, kinds: Sequence[Kind], options: Options = Options(), *, overwrite: bool = False
    ) -> None:
        self.folder = Path(folder) / FOLDER
        self.counts: Counter[str] = Counter()
        self._kinds, self._options = tuple(kinds), options
        self._collector, self._names = Collector(), OutputNames()
        _make(self.folder, overwrite)
        self._table = Table(self.folder / TABLE, COLUMNS)

    def add(self, result: tuple[Frame, Diagnosis] | Failure) -> list[Failure]:
        """Take one result of the stream; objects are written when a source is complete. Gives what failed."""
        return self._write_all(self._collector.add(result), result)

    def finish(self) -> list[Failure]:
        """Write what is still open, and close the table."""
        failures = self._write_all(self._collector.finish(), None)
        self._table.close()
        return failures

    def _write_all(self, complete: Iterable[Instance | Failure], last: object) -> list[Failure]:
        failures: list[Failure] = []
        for instance in complete:
            if isinstance(instance, Failure):
                if instance is not last:  # the stream's own failures are told by whoever reads it
                    failures.append(instance)
                    self.counts[FAILED] += 1
                for kind in self._kinds:
                    self._row(instance.source, kind, FAILED, reason=instance.reason)
                continue
            failures += self._write(instance)
        return failures

    def _write(self, instance: Instance) -> list[Failure]:
        stem = self._names.unique(_image_name(instance))
        failures: list[Failure] = []
        for kind in self._kinds:
            try:
                made = make(instance, kind, self._options)
            except MissingExtra:
                raise
            except UsnetError as error:
                failures.append(Failure(instance.source, f"{kind}: {error.message}"))
                self._row(instance.source, kind, FAILED, reason=error.message)
                continue
            self._save(instance, made, stem)
        self.counts[FAILED] += len(failures)
        return failures

    def _save(self, instance: Instance, made: Made, stem: str) -> None:
        if made.reason is not None:
            self.counts[NOTHING] += 1
            self._row(instance.source, made.kind, NOTHING, reason=made.reason)
            return
        self.counts[MADE] += 1
        if made.dataset is None:
            path = self.folder / f"{stem}-{made.kind}.json"
            path.write_bytes(made.document or b"")
            self._row(instance.source, made.kind, MADE, path.name)
            return
        path = self.folder / f"{stem}-{made.kind}.dcm"
        made.dataset.save_as(path, enforce_file_format=True)
        self._row(instance.source, made.kind, MADE, path.name, str(made.dataset.SOPInstanceUID))

    def _row(self, source: str, kind: Kind, state: str, file: str = "", uid: str = "", reason: str = "") -> None:
        row = {"source": source, "kind": kind, "state": state, "file": file, "sop_instance_uid": uid, "reason": reason}
        self._table.add(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.close()


def _image_name(instance: Instance) -> str:
    """The image's own name, without the frame number that results of a loop carry."""
    name, mark, frame = instance.diagnoses[0].image_id.rpartition("#")
    return name if mark and frame.isdigit() else instance.diagnoses[0].image_id


def _make(folder: Path, overwrite: bool) -> None:
    if not overwrite and (folder / TABLE).exists():
        raise ConfigError(
            "the folder already holds objects", source=folder, hint="Name another folder, or add --overwrite"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in ("*.dcm", "*.json", TABLE):
            for path in folder.glob(pattern):
                path.unlink()
    except OSError as error:
        raise ConfigError(f"cannot be written ({error.strerror})", source=folder) from error
