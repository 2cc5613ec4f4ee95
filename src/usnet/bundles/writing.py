"""Write a bundle so that readers see either the whole new one or the old one."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from usnet.bundles import storage
from usnet.bundles.manifest import Manifest
from usnet.errors import BundleError


def write(folder: str | Path, manifest: Manifest, files: Mapping[str, Path | bytes]) -> Path:
    """Write a bundle and return its path.

    Parameters
    ----------
    folder
        Where to: a new folder, or a name ending in ``.zip`` for one file. A bundle that lies there is replaced.
    manifest
        Its ``files`` are filled in here with the sha256 of each file.
    files
        File name to content or to the path of a file to copy; ``model.onnx`` is required.

    Raises
    ------
    BundleError
        ``model.onnx`` or the second look's file is missing, a name is not a bare file name, or ``folder`` holds something that
        is no bundle.
    """
    target = Path(folder)
    second = [] if manifest.second_look is None else [manifest.second_look.file]
    _check(target, files, (storage.MODEL, *second))
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        hashes = {name: _place(content, staging / name) for name, content in sorted(files.items())}
        filled = manifest.model_copy(update={"files": hashes})
        (staging / storage.MANIFEST).write_text(filled.model_dump_json(indent=1) + "\n", encoding="utf-8")
        staging.chmod(0o755)
        if target.suffix == ".zip":
            _zip(staging, target)
        else:
            _swap(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _check(target: Path, files: Mapping[str, Path | bytes], required: tuple[str, ...]) -> None:
    for name in required:
        if name not in files:
            raise BundleError(f"no {name} among the files", source=target, expected=f"at least {', '.join(required)}")
    for name in files:
        if not storage.is_plain_name(name) or name == storage.MANIFEST:
            raise BundleError(f"file name {name!r}", source=target, expected="a bare file name without folders")
    if target.suffix != ".zip" and target.exists() and not (target / storage.MANIFEST).is_file():
        if target.is_dir() and not any(target.iterdir()):
            return
        raise BundleError("there is something else than a bundle here", source=target, hint="Choose another folder")


def _place(content: Path | bytes, path: Path) -> str:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        shutil.copyfile(content, path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _zip(staging: Path, target: Path) -> None:
    """Weights do not compress, so files are stored; times are fixed, so that the same bundle gives the same bytes."""
    partial = staging / "bundle.zip.partial"
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(p for p in staging.iterdir() if p != partial):
            entry = zipfile.ZipInfo(path.name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as stream:
                shutil.copyfileobj(source, stream)
    os.replace(partial, target)


def _swap(staging: Path, target: Path) -> None:
    """Put the new folder in the old one's place; the old one comes back if that fails."""
    if not target.exists():
        staging.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent)) / "bundle"
    target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        old.rename(target)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)
