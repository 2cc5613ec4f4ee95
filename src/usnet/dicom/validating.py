"""Are DICOM objects as the standard says: dciodvfy where it is installed, and the rules of TID 1500 that it does not know."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from usnet.dicom.rules import Images, check_report
from usnet.dicom.source import is_dicom
from usnet.dicom.tree import read_report
from usnet.errors import DataError, UnreadableImage

TIMEOUT = 120.0
"""Seconds for one file; the longest loops take one or two."""

EXPLANATIONS = (
    (r"Unrecognized defined term = <99USNET>", "usnet's own codes, declared in the file; private schemes are allowed"),
    (r"needed to build DICOMDIR", "the source leaves it empty, and a result invents nothing about a patient"),
    (r"Retired Person Name form", "the source writes the name without ^, and a result repeats it as it is"),
    (r"Laterality.*only permitted to be empty when actually unknown", "the source does not say which breast"),
)
"""Warnings that usnet's own objects may give, and why."""

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing found in one file. ``explanation`` says why a known warning is there."""

    level: Level
    tool: str
    text: str
    explanation: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one file."""

    path: Path
    messages: tuple[Message, ...]

    def count(self, level: Level) -> int:
        """Messages of a level."""
        return sum(message.level == level for message in self.messages)


def dicom_files(paths: Iterable[str | Path]) -> Iterator[Path]:
    """DICOM files in files and folders, in order. A file that was named is yielded whatever it is.

    Raises
    ------
    UnreadableImage
        A path that does not exist.
    """
    for path in map(Path, paths):
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if found.is_file() and is_dicom(found))
        elif path.is_file():
            yield path
        else:
            raise UnreadableImage("no such file or folder", source=path, expected="DICOM files")


def known_images(paths: Iterable[Path]) -> dict[str, tuple[int, int, int]]:
    """Columns, rows and frames by SOP Instance UID of the files that are images."""
    from pydicom import dcmread

    made = {}
    wanted = ["SOPInstanceUID", "Rows", "Columns", "NumberOfFrames"]
    for path in paths:
        try:
            head = dcmread(path, stop_before_pixels=True, specific_tags=wanted)
            if head.get("Rows") and head.get("Columns"):
                size = (int(head.Columns), int(head.Rows), int(head.get("NumberOfFrames") or 1))
                made[str(head.SOPInstanceUID)] = size
        except Exception:  # not an image that could be looked at; its own verdict says so
            continue
    return made


def has_dciodvfy() -> bool:
    """Whether the validator of Debian's dicom3tools is on the path."""
    return shutil.which("dciodvfy") is not None


def validate(path: Path, images: Images | None = None) -> Verdict:
    """Everything that is wrong with one file; ``images`` are those that a report may speak of."""
    if not is_dicom(path):
        return Verdict(path, (Message("error", "usnet", "not a DICOM file"),))
    messages = [*_dciodvfy(path), *_rules(path, images)]
    return Verdict(path, tuple(messages))


def _rules(path: Path, images: Images | None) -> Iterator[Message]:
    """TID 1500, and the preamble, which an object that was made anew has no use for (CVE-2019-11687)."""
    with path.open("rb") as stream:
        head = stream.read(132)
    if head[128:] == b"DICM" and any(head[:128]):
        yield Message("warning", "usnet", "the preamble is not empty: the file may be read as another kind of file too")
    try:
        report = read_report(path)
    except DataError as error:
        if not error.message.startswith("no structured report"):
            yield Message("error", "usnet", error.message)
        return
    try:
        for problem in check_report(report, images):
            yield Message("error", "TID 1500", f"{problem.rule}: {problem.text} (content item {problem.place})")
    except DataError as error:
        yield Message("error", "usnet", error.message)


def _dciodvfy(path: Path) -> Iterator[Message]:
    if not has_dciodvfy():
        return
    try:
        done = subprocess.run(
            ["dciodvfy", "-new", str(path.resolve())], capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        yield Message("error", "dciodvfy", f"no answer in {TIMEOUT:.0f} s")
        return
    for line in (done.stdout + done.stderr).decode("utf-8", "replace").splitlines():
        level, _, text = line.partition(" - ")
        if level in ("Error", "Warning"):
            yield Message("error" if level == "Error" else "warning", "dciodvfy", text.strip(), explain(text))
    if done.returncode < 0:
        yield Message("error", "dciodvfy", f"stopped by signal {-done.returncode}")


def explain(text: str) -> str | None:
    """Why a warning that usnet's own objects may give is there; ``None`` for any other."""
    return next((why for pattern, why in EXPLANATIONS if re.search(pattern, text)), None)
