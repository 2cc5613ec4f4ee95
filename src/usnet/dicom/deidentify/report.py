"""What was done, as ``report.csv`` and ``report.json``: a row a file, and not one word of the sources."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from usnet.dicom.deidentify.ocr import version as version_of_ocr
from usnet.dicom.deidentify.options import Options
from usnet.dicom.deidentify.outcome import Outcome
from usnet.dicom.deidentify.profile import EDITION
from usnet.dicom.deidentify.run import PICTURES
from usnet.dicom.deidentify.sheet import write_sheet
from usnet.errors import ConfigError

SHEET, CSV, JSON = "check.html", "report.csv", "report.json"

ACTIONS = ("removed", "emptied", "replaced", "cleaned", "uids", "shifted", "identifiers found elsewhere")
COLUMNS = (
    "number",
    "status",
    "output",
    "patient",
    "kind",
    "frames",
    "changed_frames",
    "area",
    "hidden_share",
    "lines",
    "coding_in",
    "coding_out",
    *ACTIONS,
    "note",
)
MAPPING_COLUMNS = ("number", "source", "output", "patient", "status", "detail")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_target(folder: Path, overwrite: bool) -> None:
    """Raise :class:`ConfigError` if ``folder`` holds anything, unless it is an earlier run that may be replaced."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError("this is no folder", source=folder)
    holds = any(folder.iterdir())
    if holds and not (overwrite and (folder / JSON).is_file()):
        hint = "Name a new folder" + (", or add --overwrite" if (folder / JSON).is_file() else "")
        raise ConfigError("the folder is not empty", source=folder, hint=hint)


def write_reports(folder: Path, outcomes: Sequence[Outcome], options: Options, *, key_kept: bool) -> Path:
    """Write the reports and the check sheet into ``folder``; return the sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = Counter(outcome.status for outcome in outcomes)
    facts = {
        "usnet": version("usnet"),
        "profile": f"PS3.15 {EDITION} Basic Application Level Confidentiality Profile",
        "dates": "moved by whole days, a patient at a time" if options.dates == "shift" else "removed",
        "kept": ", ".join(sorted(options.keep)) or "nothing more than the profile",
        "text": "rows of shapes like letters" + (f", and words read by {version_of_ocr()}" if options.ocr else ""),
        "key": "in a file: the same patients get the same new names again" if key_kept else "not kept",
        "files": ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none",
    }
    rows = [_row(outcome) for outcome in outcomes]
    _write_csv(folder / CSV, COLUMNS, rows)
    document = facts | {"files": rows, "counts": dict(counts)}
    (folder / JSON).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    write_sheet(folder / SHEET, outcomes, facts, folder / PICTURES)
    return folder / SHEET


def write_mapping(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write which source became which file: this one names people, so it is readable by its owner only."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.close(handle)
    path.chmod(0o600)
    _write_csv(path, MAPPING_COLUMNS, [asdict(outcome) | {"source": str(outcome.source)} for outcome in outcomes])


def _row(outcome: Outcome) -> dict[str, Any]:
    row = {name: value for name, value in asdict(outcome).items() if name in COLUMNS}
    share = outcome.hidden_share
    return (
        row
        | {"hidden_share": None if share is None else round(share, 4)}
        | {a: dict(outcome.actions).get(a, 0) for a in ACTIONS}
    )


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
