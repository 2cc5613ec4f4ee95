"""Any COCO detection file whose categories are called benign and malignant (or unknown, nodule, lesion: no pathology).

COCO cannot say that an image is normal. It is taken as normal if its own ``label`` says so (usnet writes one) or if all of its
annotations are of a category ``normal``; an image without annotations is unknown unless ``empty_is`` says otherwise.
Image fields that usnet knows (``patient_id``, ``age``, ``device`` ...) are kept.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from usnet.datasets.importers.common import Collector, ImportResult, Progress, outside, try_size, worst
from usnet.datasets.importers.table import find_image
from usnet.datasets.records import ImageRecord
from usnet.errors import DataError
from usnet.values import LABELS, PATHOLOGIES, Box, Label, Nodule

UNKNOWN = ("unknown", "nodule", "lesion")
NOT_KEPT = ("image_id", "file_name", "width", "height", "label", "nodules", "source_name", "spacing_mm")
KEPT = tuple(f.name for f in fields(ImageRecord) if f.name not in NOT_KEPT)
NODULE_KEPT = ("nodule_id", "birads", "histology", "diameter_mm")

EmptyIs = Literal["normal", "unknown"]


def import_coco(
    source: Path,
    out: Path,
    *,
    images: Path | None = None,
    empty_is: EmptyIs = "unknown",
    link: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Import the COCO file ``source``; names are relative to ``images``, by default the file's folder or its ``images/``.

    Raises
    ------
    DataError
        The file is no COCO detection JSON, or not one image could be read.
    """
    collector = Collector(source.parent, out, link)
    document = _read(source)
    categories = {c.get("id"): str(c.get("name", "")).strip().lower() for c in document.get("categories", [])}
    annotations: dict[Any, list[dict[str, Any]]] = {}
    for annotation in document.get("annotations", []):
        annotations.setdefault(annotation.get("image_id"), []).append(annotation)
    folders = [images] if images else [source.parent, source.parent / "images"]
    for done, image in enumerate(document["images"], 1):
        try:
            _add(collector, folders, image, annotations.pop(image.get("id"), []), categories, empty_is)
        except ValueError as error:
            collector.leave_out(source, f"image {image.get('file_name', image.get('id'))}: {error}")
        if progress:
            progress(done, len(document["images"]))
    for image_id, rows in annotations.items():
        collector.leave_out(source, f"{len(rows)} annotations of image id {image_id!r}, which is not listed")
    return collector.finish(source.stem, {"title": document.get("info", {}).get("description", source.name)})


def _read(source: Path) -> dict[str, Any]:
    try:
        document = json.loads(source.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"not readable as JSON ({error})", source=source) from error
    lists = isinstance(document, dict) and all(
        isinstance(document.get(k, []), list) and all(isinstance(row, dict) for row in document.get(k, []))
        for k in ("images", "annotations", "categories")
    )
    if not lists or "images" not in document:
        raise DataError("no COCO detection file", source=source, expected="lists images, annotations and categories")
    return dict(document)


def _add(
    collector: Collector,
    folders: list[Path],
    image: dict[str, Any],
    annotations: list[dict[str, Any]],
    categories: dict[Any, str],
    empty_is: EmptyIs,
) -> None:
    name = str(image.get("file_name", ""))
    if not name:
        raise ValueError("no file_name")
    path = find_image(folders, name)
    size = try_size(collector, path)
    if size is None:
        return
    stated = (image.get("width", size[0]), image.get("height", size[1]))
    if stated != size:
        raise ValueError(
            f"said to be {stated[0]} x {stated[1]}, the file is {size[0]} x {size[1]}: its boxes cannot be trusted"
        )
    kinds = [_kind(row, categories) for row in annotations]
    if "normal" in kinds and set(kinds) != {"normal"}:
        raise ValueError("annotations say normal beside others")
    nodules = [_nodule(row, kind, size) for row, kind in zip(annotations, kinds, strict=True) if kind != "normal"]
    label = _label(image, nodules, "normal" if "normal" in kinds else None, empty_is)
    spacing = image.get("spacing_mm")
    own = {key: image[key] for key in KEPT if key in image}
    own["spacing_mm"] = None if spacing is None else (float(spacing[0]), float(spacing[1]))
    collector.add(path, name, size, label, nodules, source_name=image.get("source_name") or name, **own)


def _kind(row: dict[str, Any], categories: dict[Any, str]) -> str:
    kind = categories.get(row.get("category_id"))
    if kind not in (*LABELS, *UNKNOWN):
        raise ValueError(
            f"annotation {row.get('id')}: category {row.get('category_id')!r} is {kind!r}; "
            f"expected {', '.join((*LABELS, *UNKNOWN))}"
        )
    return kind


def _nodule(row: dict[str, Any], kind: str, size: tuple[int, int]) -> Nodule:
    try:
        box = Box(*(float(v) for v in row["bbox"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"annotation {row.get('id')}: bbox {row.get('bbox')!r} is no box ({error})") from error
    if problem := outside(box, size):
        raise ValueError(f"annotation {row.get('id')}: {problem}")
    pathology = next((p for p in PATHOLOGIES if p == kind), None)
    return Nodule(box, pathology, **{key: row.get(key) for key in NODULE_KEPT})


def _label(image: dict[str, Any], nodules: list[Nodule], by_category: Label | None, empty_is: EmptyIs) -> Label | None:
    drawn = worst(nodules)
    if "label" not in image:
        fallback: Label | None = "normal" if empty_is == "normal" and not nodules else None
        return drawn or by_category or fallback
    stated = image["label"]
    if stated not in (*LABELS, None):
        raise ValueError(f"label {stated!r}; expected {', '.join(LABELS)} or null")
    if stated == "normal" and nodules:
        raise ValueError(f"label normal with {len(nodules)} boxes")
    return next((label for label in LABELS if label == stated), None)
