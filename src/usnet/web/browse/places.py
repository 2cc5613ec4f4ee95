"""What lies under the folders that the administrator opened with ``usnet serve --root``. Pages name a place by a digest of its
path; the path itself never comes from the browser, so that nothing outside the roots can be named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from usnet.errors import DataError
from usnet.web.workplace import Workplace

DEPTH = 4
MOST_PLACES = 500
MOST_FOLDERS = 20_000
Kind = Literal["dataset", "evaluation", "training"]
_SIGNS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("dataset", ("dataset.json",)),
    ("evaluation", ("predictions.jsonl", "truth.json")),
    ("training", ("metrics.csv", "config.toml")),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A folder under a root: its ``id`` for addresses, ``name`` below the root, and what it holds."""

    id: str
    kind: Kind
    name: str
    folder: Path


def roots(place: Workplace) -> list[Path]:
    """The folders that were opened, resolved."""
    return [Path(root).resolve() for root in place.settings.roots]


def inside(place: Workplace, path: Path) -> bool:
    """Whether a path, its links followed, lies under a root."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError):
        return False
    return any(real == root or root in real.parents for root in roots(place))


def spots(place: Workplace) -> list[Spot]:
    """Datasets and runs under the roots, by name; links that lead elsewhere are not followed."""
    found: list[Spot] = []
    for root in roots(place):
        for folder in _folders(root):
            for kind, signs in _SIGNS:
                if all((folder / sign).is_file() for sign in signs):
                    found.append(Spot(_id(kind, folder), kind, _name(root, folder), folder))
            if len(found) >= MOST_PLACES:
                break
    return sorted({spot.id: spot for spot in found}.values(), key=lambda spot: (spot.kind, spot.name))


def spot_of(place: Workplace, spot: str, *kinds: Kind) -> Spot | None:
    """The place of that id, if it is there and of one of the ``kinds``."""
    return next((s for s in spots(place) if s.id == spot and s.kind in (kinds or (s.kind,))), None)


def safe_file(base: Path, name: str) -> Path:
    """A file named by a dataset, within ``base`` once links are followed.

    Raises
    ------
    DataError
        The name leads out of ``base``.
    """
    try:
        real, root = (base / name).resolve(), base.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"the file name {name[:100]!r} cannot be followed") from error
    if root not in real.parents:
        raise DataError(f"the file name {name[:100]!r} leads out of its folder")
    return real


def _folders(root: Path) -> Iterator[Path]:
    """The root and what lies at most :data:`DEPTH` below it, without hidden folders and those that hold images alone."""
    seen, waiting = 0, [(root, 0)]
    while waiting and seen < MOST_FOLDERS:
        folder, depth = waiting.pop()
        seen += 1
        yield folder
        if depth == DEPTH:
            continue
        try:
            with os.scandir(folder) as entries:
                below = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not _skipped(e.name)]
        except OSError:
            continue
        waiting += [(folder / name, depth + 1) for name in sorted(below, reverse=True)]


def _skipped(name: str) -> bool:
    return name.startswith(".") or name in ("images", "checkpoints", "tensorboard", "node_modules", "__pycache__")


def _name(root: Path, folder: Path) -> str:
    text = str(Path(root.name) / folder.relative_to(root))
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _id(kind: str, folder: Path) -> str:
    return hashlib.sha256(f"{kind}:{folder}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
