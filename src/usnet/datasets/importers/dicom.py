"""A folder of DICOM files: each becomes a PNG of the frame as usnet sees it (cropped to the tissue region).

Boxes come from an optional table with the columns of the paper's annotation (``image`` is the path below the folder) and, for cine
files, ``frame`` (0-based). They are in pixels of the cropped frame. Without rows a file's first frame is taken, its label unknown.

Identities: unless ``keep_ids``, patients are named by an HMAC-SHA256 under a random secret that is thrown away when the import
ends, so that views of a patient stay together and nobody can go back; files are numbered, because their names often hold a
name. Two imports of one patient cannot be linked either: import an archive in one go. Pixels are not searched for names.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from typing import Any, Literal

from usnet.datasets.importers.common import Collector, ImportResult, Progress, require_folder
from usnet.datasets.importers.truth import RowError, Truth, agree, nodules, read_truths
from usnet.errors import UnreadableImage
from usnet.values import Frame

Which = Literal["first", "all"]


def import_dicom(
    source: Path,
    out: Path,
    *,
    boxes: Path | None = None,
    frames: Which = "first",
    keep_ids: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Import every DICOM file below ``source``. ``frames`` says which frames are taken of a cine file without rows;
    of a file with rows, ``first`` takes just the frames that they name.

    Raises
    ------
    DataError
        The table lacks a column, or not one image could be read.
    """
    collector = Collector(source, out)
    require_folder(source, "a folder of DICOM files")
    truths, bad = read_truths(collector, boxes, ("image", "frame")) if boxes else ({}, set())
    spoilt = {name.split("#")[0] for name in bad}
    files = [p for p in _dicom_files(source) if p.relative_to(source).as_posix() not in spoilt]
    secret = None if keep_ids else secrets.token_bytes(32)
    for done, path in enumerate(files, 1):
        _add(collector, path, done, truths, frames, secret)
        if progress:
            progress(done, len(files))
    for name in truths:
        collector.leave_out(boxes or source, f"{name}: no such file or frame")
    info = {"title": "DICOM import", "identities": "kept" if keep_ids else "pseudonymised, secret thrown away"}
    return collector.finish(out.name, info, private=not keep_ids)


def _dicom_files(source: Path) -> list[Path]:
    from usnet.images.files import looks_like_dicom

    found = []
    for path in sorted(p for p in source.rglob("*") if p.is_file() and p.name != "DICOMDIR"):
        with path.open("rb") as stream:
            if looks_like_dicom(stream.read(256)) or path.suffix.lower() in (".dcm", ".dicom"):
                found.append(path)
    return found


def _add(
    collector: Collector, path: Path, count: int, truths: dict[str, list[Truth]], which: Which, secret: bytes | None
) -> None:
    """Wanted frames of one file; rows that were used are taken out of ``truths``."""
    from usnet.images import read_frames

    name = path.relative_to(collector.source).as_posix()
    wanted = {key for key in truths if key.split("#")[0] == name}
    try:
        for frame in read_frames(path):
            keys = [k for k in (f"{name}#{frame.number}", name if frame.number == 0 else "") if k in wanted]
            if keys:
                wanted -= set(keys)
                rows = [row for key in keys for row in truths.pop(key)]
            elif which == "all" or (frame.number == 0 and not wanted):
                rows = []
            else:
                continue
            _add_frame(
                collector,
                path,
                frame,
                name.removesuffix(path.suffix) if secret is None else f"{count:05d}",
                rows,
                secret,
            )
            if not wanted and which == "first":
                break
    except UnreadableImage as error:
        collector.leave_out(path, error.message)


def _add_frame(
    collector: Collector, path: Path, frame: Frame, stem: str, rows: list[Truth], secret: bytes | None
) -> None:
    size = (frame.width, frame.height)
    try:
        if rows:
            agree(rows, ())
        label, found = nodules(rows, size) if rows else (None, [])
    except RowError as error:
        collector.leave_out(path, f"frame {frame.number}: {error}", error.row)
        return
    if "colour" in frame.flags:
        collector.note(path, f"frame {frame.number} shows colour (Doppler or elastography)")
    facts = frame.attributes
    own: dict[str, Any] = {
        "patient_id": _pseudonym(facts.get("patient_id"), secret),
        "age": facts.get("age"),
        "sex": facts.get("sex"),
        "device": " ".join(filter(None, (facts.get("manufacturer"), facts.get("model")))) or None,
        "view": {"L": "left", "R": "right"}.get(facts.get("laterality", "")),
        "spacing_mm": frame.spacing_mm,
        "source_name": path.relative_to(collector.source).as_posix() if secret is None else None,
    }
    collector.add(frame.pixels, f"{stem}_f{frame.number:04d}.png", size, label, found, **own)


def _pseudonym(patient: str | None, secret: bytes | None) -> str | None:
    if patient is None or secret is None:
        return patient
    return "p_" + hmac.new(secret, patient.encode(), "sha256").hexdigest()[:16]
