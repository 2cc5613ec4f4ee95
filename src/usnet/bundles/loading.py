"""Open a bundle: read ``bundle.json``, verify every file against its sha256, say which weights they are."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from usnet.bundles import storage
from usnet.bundles.manifest import FORMAT_VERSION, Manifest
from usnet.errors import BundleError, ConfigError
from usnet.values import ModelIdentity, OperatingPoint

SHIPPED = Path(__file__).parent / "shipped"
DEFAULT = "usnet-fast"

_MAX_MANIFEST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified model: where it lies, what its ``bundle.json`` says, and which weights it holds."""

    path: Path
    manifest: Manifest
    identity: ModelIdentity

    def read(self, name: str) -> bytes:
        """Content of one file, verified again while it is read, so that what runs is what was checked.

        Raises
        ------
        BundleError
            The bundle does not list the file, or the file is missing or damaged.
        """
        expected = self.manifest.files.get(name)
        if expected is None:
            known = ", ".join(sorted(self.manifest.files))
            raise BundleError(f"no file {name!r} in the bundle", source=self.path, expected=f"one of {known}")
        with storage.open_file(self.path, name) as stream:
            content = b"".join(_pieces(stream, storage.MAX_BYTES + 1))
        _compare(hashlib.sha256(content).hexdigest(), expected, self.path, name)
        return content

    def operating_point(self, name: str | None = None) -> OperatingPoint:
        """The named operating point, the default one for ``None``.

        Raises
        ------
        ConfigError
            No operating point has that name.
        """
        try:
            return self.manifest.operating_point(name)
        except KeyError:
            known = ", ".join(t.name for t in self.manifest.operating_points)
            raise ConfigError(f"no operating point {name!r}", source=self.path, expected=f"one of {known}") from None


def _pieces(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """Up to ``limit`` bytes; one read of so many would reserve them all, which a process of bounded memory cannot."""
    while limit > 0 and (piece := stream.read(min(limit, 1 << 20))):
        limit -= len(piece)
        yield piece


def shipped() -> list[str]:
    """Names of the bundles inside the package, the default one first."""
    found = sorted(p.parent.name for p in SHIPPED.glob(f"*/{storage.MANIFEST}"))
    return sorted(found, key=lambda name: name != DEFAULT)


def load(path: str | Path | None = None) -> Bundle:
    """Open a bundle and verify it.

    Parameters
    ----------
    path
        A bundle's folder or ``.zip``, the name of a shipped bundle, or ``None`` for the default shipped one.

    Raises
    ------
    BundleError
        There is no bundle there, its format is another one, or a file is missing or differs from its sha256.
    """
    place = _locate(path)
    manifest = _manifest(place)
    for name, expected in manifest.files.items():
        with storage.open_file(place, name) as stream:
            _compare(hashlib.file_digest(stream, "sha256").hexdigest(), expected, place, name)  # type: ignore[arg-type]
    return Bundle(place, manifest, _identity(manifest))


def _identity(manifest: Manifest) -> ModelIdentity:
    """Name and weights: the detector's sha256, or one over both networks' where there is a second look."""
    digest = manifest.files[storage.MODEL]
    if manifest.second_look is not None:
        digest = hashlib.sha256((digest + manifest.files[manifest.second_look.file]).encode()).hexdigest()
    return ModelIdentity(manifest.name, digest)


def _locate(path: str | Path | None) -> Path:
    if path is None:
        if DEFAULT not in shipped():
            raise BundleError(
                f"this installation has no default model ({DEFAULT})",
                hint="Name one with --bundle, or install usnet from a released package",
            )
        return SHIPPED / DEFAULT
    place = Path(path)
    if place.name == storage.MANIFEST and place.is_file():
        return place.parent
    if place.is_file() or (place / storage.MANIFEST).is_file():
        return place
    if str(path) in shipped():
        return SHIPPED / str(path)
    found = f"the folder has no {storage.MANIFEST}" if place.is_dir() else "no such bundle"
    names = ", ".join(shipped()) or "none here"
    raise BundleError(found, source=place, expected=f"a bundle's folder or zip, or a shipped name ({names})")


def _manifest(place: Path) -> Manifest:
    with storage.open_file(place, storage.MANIFEST) as stream:
        content = stream.read(_MAX_MANIFEST_BYTES + 1)
    try:
        document = json.loads(content) if len(content) <= _MAX_MANIFEST_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BundleError(f"{storage.MANIFEST} is not a JSON object", source=place, hint="Copy the bundle again")
    if document.get("format") != FORMAT_VERSION:
        raise BundleError(
            f"bundle format {document.get('format')!r}",
            source=place,
            expected=f"format {FORMAT_VERSION}",
            hint="Use the usnet version that wrote the bundle, or export it again",
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BundleError(f"{storage.MANIFEST}: {_first_problem(error)}", source=place) from None
    second = [] if manifest.second_look is None else [manifest.second_look.file]
    for name in (storage.MODEL, *second):
        if name not in manifest.files:
            raise BundleError(f"{storage.MANIFEST} lists no {name}", source=place)
    return manifest


def _first_problem(error: ValidationError) -> str:
    """The first of pydantic's complaints as one line, with the nearest key for an unknown one."""
    problem: dict[str, Any] = dict(error.errors()[0])
    where = ".".join(str(part) for part in problem["loc"])
    text = f"{where}: {problem['msg']}" if where else str(problem["msg"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        nearest = difflib.get_close_matches(str(problem["loc"][-1]), Manifest.model_fields, 1)
        text = f"unknown key {where!r}" + (f", did you mean {nearest[0]!r}" if nearest else "")
    more = error.error_count() - 1
    return text + (f" (and {more} more)" if more else "")


def _compare(found: str, expected: str, place: Path, name: str) -> None:
    if found != expected:
        raise BundleError(
            f"{name} is damaged: its sha256 is {found[:12]}",
            source=place,
            expected=expected[:12],
            hint="Copy or export the bundle again",
        )
