"""What all importers share: collecting records, naming every problem, and laying image files into the dataset folder."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.errors import DataError, UnreadableImage
from usnet.values import Box, Label, Nodule, UInt8Image

Progress = Callable[[int, int], None]
"""Called with (done, total) after each image."""

UNCHANGED = (".png", ".jpg", ".jpeg")
"""Files that are laid into the dataset byte by byte; anything else is decoded and written as PNG."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing an import found. ``left-out``: the input is not in the dataset; ``note``: it is, with this remark."""

    source: str
    message: str
    row: int | None = None
    severity: Literal["left-out", "note"] = "left-out"

    def __str__(self) -> str:
        place = self.source if self.row is None else f"{self.source}, row {self.row}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """A written dataset and everything that was odd about its source."""

    dataset: Dataset
    problems: tuple[Problem, ...]

    @property
    def left_out(self) -> tuple[Problem, ...]:
        """Inputs that are not in the dataset."""
        return tuple(p for p in self.problems if p.severity == "left-out")

    @property
    def notes(self) -> tuple[Problem, ...]:
        """Remarks on inputs that are in the dataset."""
        return tuple(p for p in self.problems if p.severity == "note")


@dataclass(slots=True)
class Collector:
    """Gathers the records of one import.

    Parameters
    ----------
    source
        Where the data comes from; problems name files relative to it.
    out
        The dataset folder, new or empty.
    link
        Hard-link image files instead of copying them (copies where the file system cannot link).
    """

    source: Path
    out: Path
    link: bool = False
    records: list[ImageRecord] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        require_empty(self.out)

    def leave_out(self, source: Path | str, message: str, row: int | None = None) -> None:
        """Name an input that does not get into the dataset."""
        self.problems.append(Problem(self._name(source), message, row))

    def note(self, source: Path | str, message: str, row: int | None = None) -> None:
        """Remark on an input that does."""
        self.problems.append(Problem(self._name(source), message, row, "note"))

    def _name(self, path: Path | str) -> str:
        path = Path(path)
        return str(path.relative_to(self.source)) if path.is_relative_to(self.source) else str(path)

    def add(
        self,
        image: Path | UInt8Image,
        file_name: str,
        size: tuple[int, int],
        label: Label | None,
        nodules: Iterable[Nodule],
        **own: Any,
    ) -> None:
        """Lay an image (a file, or ``uint8 [H, W]`` pixels) into the dataset and record it; ``own`` are record fields.

        A second image of the same name is left out and named.
        """
        if Path(file_name).suffix.lower() not in UNCHANGED:
            file_name += ".png"
        target = self.out / "images" / file_name
        if target.exists():
            self.leave_out(image if isinstance(image, Path) else file_name, f"a second image named {file_name}")
            return
        place_image(image, target, self.link)
        self.records.append(
            ImageRecord(
                image_id=len(self.records) + 1,
                file_name=file_name,
                width=size[0],
                height=size[1],
                label=label,
                nodules=tuple(nodules),
                **own,
            )
        )

    def finish(self, name: str, info: dict[str, Any], *, private: bool = False) -> ImportResult:
        """Write ``dataset.json``, with the problems in its ``info`` unless file names are ``private``.

        Raises
        ------
        DataError
            Not one image could be read.
        """
        if not self.records:
            first = f"; first of {len(self.problems)} problems: {self.problems[0]}" if self.problems else ""
            raise DataError(f"no image could be imported{first}", source=self.source)
        kept = {} if private else {"import_problems": [str(p) for p in self.problems]}
        dataset = Dataset(self.out, name, tuple(self.records), {**info, **kept})
        save(dataset)
        return ImportResult(dataset, tuple(self.problems))


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) of an image file that decodes to its end.

    Raises
    ------
    UnreadableImage
        It does not, or is missing.
    """
    from usnet.images import Limits, raster, read

    try:
        with path.open("rb") as stream:  # without the search for burned-in marks, which an import has no use for
            height, width = raster.decode(stream, str(path), Limits()).shape[:2]
    except Exception:  # whatever it is, read says it properly
        frame = read(path)
        return frame.width, frame.height
    return width, height


def place_image(source: Path | UInt8Image, target: Path, link: bool) -> None:
    """Link or copy a PNG or JPEG unchanged to ``target``; write anything else as PNG."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(source, Path) or source.suffix.lower() not in UNCHANGED:
        from PIL import Image

        from usnet.images import read

        Image.fromarray(read(source).pixels if isinstance(source, Path) else source).save(target)
        return
    if link:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # another file system, or links are not allowed: copy
    shutil.copyfile(source, target)


def read_table(path: Path, needed: Iterable[str], delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV (UTF-8, with or without BOM) as (row number, values); the header is row 1. Values are stripped.

    Raises
    ------
    DataError
        The file is missing, no text, or lacks one of the columns ``needed``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError("no such file", source=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"not readable as UTF-8 text ({error})", source=path) from error
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    columns = [c.strip() for c in reader.fieldnames or ()]
    missing = [c for c in needed if c not in columns]
    if missing:
        raise DataError(
            f"no column {', '.join(missing)}; found {', '.join(columns) or 'nothing'}",
            source=path,
            row=1,
            expected=f"a header with {', '.join(needed)}",
        )
    for row in reader:
        yield reader.line_num, {str(k).strip(): (v or "").strip() for k, v in row.items() if isinstance(v, str | None)}


def number(text: str) -> float | None:
    """A finite float, or ``None`` where ``text`` is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 else None


def worst(nodules: Iterable[Nodule]) -> Label | None:
    """Image label by its nodules: malignant over benign; ``None`` without a known pathology."""
    kinds = {n.pathology for n in nodules}
    return "malignant" if "malignant" in kinds else "benign" if "benign" in kinds else None


def outside(box: Box, size: tuple[int, int]) -> str | None:
    """What is wrong with a box in an image of ``size`` (width, height): empty or not wholly inside; ``None`` if nothing is."""
    if box.width <= 0 or box.height <= 0:
        return f"the box {box.as_list()} is empty"
    x0, y0, x1, y1 = box.corners
    if min(x0, y0) < -1e-6 or x1 > size[0] + 1e-6 or y1 > size[1] + 1e-6:
        return f"the box {box.as_list()} leaves the image of {size[0]} x {size[1]} pixels"
    return None


def require_empty(out: Path) -> None:
    """Nothing, if ``out`` does not exist or is an empty folder.

    Raises
    ------
    DataError
        It exists and holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError("already exists and is not empty", source=out, hint="Choose a new folder or remove this one")


def require_folder(path: Path, what: str) -> Path:
    """``path`` if it is a folder.

    Raises
    ------
    DataError
        It is not.
    """
    if not path.is_dir():
        raise DataError("no such folder", source=path, expected=what)
    return path


def try_size(collector: Collector, path: Path, row: int | None = None) -> tuple[int, int] | None:
    """:func:`image_size`, or ``None`` after naming the problem."""
    try:
        return image_size(path)
    except UnreadableImage as error:
        collector.leave_out(path, error.message, row)
        return None
