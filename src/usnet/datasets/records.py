"""A dataset as usnet holds it: a folder with ``dataset.json`` (COCO detection) and ``images/``.

``dataset.json`` opens in any COCO tool. What COCO lacks stands beside its own keys: per image ``label`` (benign, malignant,
normal, or null for unknown) and the fields of :class:`ImageRecord`; per annotation those of :class:`~usnet.values.Nodule`.
An image that is labelled normal has no annotations and says so; an image whose label is null is unknown, not normal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from usnet.errors import DataError
from usnet.values import Box, Label, Nodule, Pathology

FORMAT_VERSION = 1
CATEGORIES: tuple[tuple[int, str], ...] = ((1, "benign"), (2, "malignant"), (3, "unknown"))
"""COCO category ids. ``unknown`` is a nodule without pathology."""

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image and its truth.

    ``file_name`` is relative to the dataset's ``images`` folder. ``group_id`` is the unit that must never be split: the patient,
    joined where duplicates join patients. ``fold`` is the official or the drawn cross-validation fold (1-based).
    ``spacing_mm`` is (row, column) in millimetres a pixel. ``exclude`` names why an image should not be trained on or scored
    (for example ``contradicting-duplicate``); it stays in the dataset.
    """

    image_id: int
    file_name: str
    width: int
    height: int
    label: Label | None
    nodules: tuple[Nodule, ...] = ()
    patient_id: str | None = None
    group_id: str | None = None
    view: str | None = None
    device: str | None = None
    center: str | None = None
    age: float | None = None
    sex: Literal["female", "male"] | None = None
    diagnosis: str | None = None
    birads: str | None = None
    histology: str | None = None
    spacing_mm: tuple[float, float] | None = None
    split: Split | None = None
    fold: int | None = None
    exclude: str | None = None
    source_name: str | None = None

    @property
    def group(self) -> str:
        """``group_id``, else the patient, else the image itself."""
        return self.group_id or self.patient_id or self.file_name


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset folder in memory. ``info`` is free text about the source (name, licence, citation, import notes)."""

    root: Path
    name: str
    records: tuple[ImageRecord, ...]
    info: dict[str, Any] = field(default_factory=dict)

    def path(self, record: ImageRecord) -> Path:
        """Where the image file of ``record`` lies."""
        return self.root / "images" / record.file_name

    def with_records(self, records: Iterable[ImageRecord]) -> Dataset:
        """The same dataset with other records."""
        return replace(self, records=tuple(records))

    def select(self, split: Split | None = None) -> Dataset:
        """Records of one split (all for ``None``) that are not excluded."""
        return self.with_records(r for r in self.records if r.exclude is None and (split is None or r.split == split))

    def fingerprint(self) -> str:
        """sha256 over names, labels, boxes and splits: changes when the truth changes."""
        rows = [json.dumps(_image_json(r), sort_keys=True) for r in self.records]
        rows += [json.dumps(a, sort_keys=True) for a in _annotations_json(self.records)]
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()


_OWN = tuple(f.name for f in fields(ImageRecord) if f.name not in ("image_id", "nodules"))
_NODULE = ("pathology", "nodule_id", "birads", "histology", "diameter_mm")


def _image_json(record: ImageRecord) -> dict[str, Any]:
    return {"id": record.image_id} | {name: getattr(record, name) for name in _OWN}


def _annotations_json(records: Iterable[ImageRecord]) -> list[dict[str, Any]]:
    ids = {name: number for number, name in CATEGORIES}
    rows: list[dict[str, Any]] = []
    for record in records:
        for nodule in record.nodules:
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": record.image_id,
                    "category_id": ids[nodule.pathology or "unknown"],
                    "bbox": nodule.box.as_list(),
                    "area": nodule.box.area,
                    "iscrowd": 0,
                }
                | {name: getattr(nodule, name) for name in _NODULE}
            )
    return rows


def save(dataset: Dataset, target: Path | None = None) -> Path:
    """Write ``dataset.json`` (images must already lie in ``images/``), or the truth alone as the file ``target``; its path."""
    target = target or dataset.root / "dataset.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".json.partial")
    partial.write_text(json.dumps(document_of(dataset), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(target)
    return target


def document_of(dataset: Dataset) -> dict[str, Any]:
    """The content of ``dataset.json``."""
    return {
        "info": {"usnet_format": FORMAT_VERSION, "name": dataset.name} | dataset.info,
        "categories": [{"id": number, "name": name} for number, name in CATEGORIES],
        "images": [_image_json(r) for r in dataset.records],
        "annotations": _annotations_json(dataset.records),
    }


def load(root: str | Path) -> Dataset:
    """Read a dataset folder (or its ``dataset.json``).

    Raises
    ------
    DataError
        The file is missing or no JSON, a key is missing, a label, category or box is not as the format says. Boxes outside
        their image load as they are: :mod:`usnet.datasets.check` reports them.
    """
    root = Path(root)
    path = root if root.suffix == ".json" else root / "dataset.json"
    document = read_document(path)
    names = {c.get("id"): c.get("name") for c in document.get("categories", [])}
    by_image: dict[Any, list[Nodule]] = {}
    for row, annotation in enumerate(document.get("annotations", []), 1):
        by_image.setdefault(annotation.get("image_id"), []).append(parse_nodule(annotation, names, path, row))
    records = [
        parse_record(image, tuple(by_image.pop(image.get("id"), ())), path, row)
        for row, image in enumerate(document["images"], 1)
    ]
    if by_image:
        raise DataError(f"annotations of image ids {sorted(map(str, by_image))[:5]} have no image", source=path)
    info = {k: v for k, v in document.get("info", {}).items() if k not in ("usnet_format", "name")}
    name = document.get("info", {}).get("name") or path.parent.name
    return Dataset(path.parent, name, tuple(records), info)


def read_document(path: Path) -> dict[str, Any]:
    """The JSON of a COCO file, with a list ``images``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no such file", source=path, hint="Make a dataset with 'usnet data import'") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"not readable as JSON ({error})", source=path) from error
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise DataError("no list 'images'", source=path, expected="a COCO detection file")
    return document


def parse_nodule(row: dict[str, Any], names: dict[Any, Any], path: Path, number: int) -> Nodule:
    """A nodule from annotation ``number`` (1-based) of ``path``; ``names`` maps category ids to names."""
    name = names.get(row.get("category_id"))
    if name not in (*get_args(Pathology), "unknown", "nodule", "lesion"):
        raise DataError(
            f"annotation category {row.get('category_id')!r} is {name!r}",
            source=path,
            row=number,
            expected="benign, malignant or unknown",
        )
    pathology = name if name in get_args(Pathology) else None
    try:
        box = Box(*(float(v) for v in row["bbox"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"annotation bbox {row.get('bbox')!r} ({error})",
            source=path,
            row=number,
            expected="[x, y, width, height]",
        ) from error
    extra = {key: row.get(key) for key in _NODULE if key != "pathology"}
    return Nodule(box=box, pathology=pathology, **extra)


def parse_record(row: dict[str, Any], nodules: tuple[Nodule, ...], path: Path, number: int) -> ImageRecord:
    """A record from row ``number`` (1-based) of the ``images`` of ``path``."""
    missing = [key for key in ("id", "file_name", "width", "height") if key not in row]
    if missing:
        raise DataError(f"image without {', '.join(missing)}", source=path, row=number)
    label = row.get("label", _label_of(nodules))
    if label not in (*get_args(Label), None):
        raise DataError(
            f"image {row['file_name']}: label {label!r}",
            source=path,
            row=number,
            expected="benign, malignant, normal or null",
        )
    values = {key: row[key] for key in _OWN if key in row and key not in ("label", "width", "height", "spacing_mm")}
    spacing = row.get("spacing_mm")
    try:
        return ImageRecord(
            image_id=int(row["id"]),
            label=label,
            width=int(row["width"]),
            height=int(row["height"]),
            nodules=nodules,
            spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
            **values,
        )
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise DataError(
            f"image {row['file_name']}: {error}",
            source=path,
            row=number,
            expected="whole numbers for id, width and height, two numbers or null for spacing_mm",
        ) from error


def _label_of(nodules: tuple[Nodule, ...]) -> Label | None:
    """Label of a plain COCO image: its worst nodule's; without nodules unknown, because COCO cannot say normal."""
    kinds = {n.pathology for n in nodules}
    return "malignant" if "malignant" in kinds else "benign" if "benign" in kinds else None
