"""What is to be diagnosed: files, folders and usnet datasets as a list of items with unique names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from usnet.datasets import records
from usnet.errors import UnreadableImage
from usnet.images import find_images
from usnet.values import Frame


@dataclass(frozen=True, slots=True)
class Item:
    """One file to diagnose.

    ``image_id`` names it in every output (the path by default); ``number`` is its COCO image id where a dataset gives one;
    ``patient`` is the patient where something else than the file knows it.
    """

    path: Path
    image_id: str | None = None
    number: int | None = None
    patient: str | None = None


def collect(paths: Iterable[str | Path], exclude: Path | None = None) -> Iterator[Item]:
    """Items in files and folders, in order, one at a time.

    A folder with a ``dataset.json`` gives the images that it lists, with their ids and patients; another folder every image
    file in it; a file itself, whatever it is. Nothing below ``exclude`` (the output folder) is taken.

    Raises
    ------
    DataError
        A ``dataset.json`` is not as its format says.
    """
    barred = None if exclude is None else exclude.resolve()
    for path in map(Path, paths):
        if (path / "dataset.json").is_file():
            yield from _of_dataset(path)
            continue
        for found in find_images([path]):
            if barred is None or not found.resolve().is_relative_to(barred):
                yield Item(found, _name(found, path))


def _name(found: Path, given: Path) -> str:
    """Path below the folder that was given; the file's own name where a file was given."""
    return found.relative_to(given).as_posix() if found != given else found.name


def _of_dataset(root: Path) -> Iterator[Item]:
    dataset = records.load(root)
    for record in dataset.records:
        yield Item(dataset.path(record), record.file_name, record.image_id, record.patient_id)


def frame_of(pixels: npt.NDArray[np.uint8]) -> Frame:
    """Pixels from memory, ``uint8 [H, W]``, as a frame named by what they are.

    Raises
    ------
    UnreadableImage
        The array is of another kind.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise UnreadableImage(
            f"the array is {pixels.dtype} {list(pixels.shape)}", source="<array>", expected="uint8 [H, W] grey pixels"
        )
    return Frame(pixels, "<array>", hashlib.sha256(pixels.tobytes()).hexdigest())
