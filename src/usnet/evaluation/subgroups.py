"""The same questions asked of parts of the data: nodule size, device, centre, BI-RADS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from usnet.datasets.records import ImageRecord
from usnet.evaluation.baselines import largest_box
from usnet.evaluation.detections import Detections, localised
from usnet.evaluation.metric import Metric, Unit, expanded, from_events, known
from usnet.evaluation.tables import call_text
from usnet.evaluation.truth import BENIGN, MALIGNANT, NORMAL, Cases, FloatArray
from usnet.statistics.clustered import clustered_auc

BoolArray = npt.NDArray[np.bool_]
FEW = 20
"""Images below which a subgroup is marked as small."""


def size_mm(record: ImageRecord) -> float | None:
    """Largest diameter in mm: as reported, else the longer side of the true box where the frame is calibrated."""
    sizes = [n.diameter_mm for n in record.nodules if n.diameter_mm is not None]
    if sizes:
        return max(sizes)
    box = largest_box(record)
    if box is None or record.spacing_mm is None:
        return None
    return max(box.width * record.spacing_mm[1], box.height * record.spacing_mm[0])


def _size_group(record: ImageRecord) -> str | None:
    size = size_mm(record)
    if size is None:
        return None
    return "under 10 mm" if size < 10 else "10 to 20 mm" if size <= 20 else "over 20 mm"


def _relative_group(record: ImageRecord) -> str | None:
    """For images without millimetres: side of the box (root of its area) as a share of the image's."""
    box = largest_box(record)
    if box is None or size_mm(record) is not None:
        return None
    share = float(np.sqrt(box.area / (record.width * record.height)))
    return (
        "under 0.15 of the image"
        if share < 0.15
        else "0.15 to 0.3 of the image"
        if share < 0.3
        else "over 0.3 of the image"
    )


def small(record: ImageRecord) -> bool:
    """Whether the largest nodule measures under 10 mm; without millimetres, whether its side is under 0.15 of the image's."""
    return _size_group(record) == "under 10 mm" or _relative_group(record) == "under 0.15 of the image"


def _birads(record: ImageRecord) -> str | None:
    values = [record.birads] if record.birads else [n.birads for n in record.nodules if n.birads]
    return str(max(values)).lower() if values and values[0] else None


KEYS: dict[str, Callable[[ImageRecord], str | None]] = {
    "size": _size_group,
    "relative size": _relative_group,
    "device": lambda r: r.device,
    "centre": lambda r: r.center,
    "BI-RADS": _birads,
}


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    mask: BoolArray
    common: dict[str, str]


def subgroup_metrics(cases: Cases, found: Detections) -> list[Metric]:
    """For each value of each key: AUC, sensitivity and specificity of malignant v benign, normals called so, nodules found."""
    hit = localised(cases)
    marks = found_at_point(cases, found)
    rows: list[Metric] = []
    for key, value in KEYS.items():
        labels = np.array([value(r) or "" for r in cases.records])
        for name in _ordered(labels):
            mask = labels == name
            rows += _metrics(cases, _Part(f"{key}={name}", mask, {"subgroup": f"{key}={name}"}), hit, marks)
    return rows


def _ordered(labels: npt.NDArray[np.str_]) -> list[str]:
    """Values in reading order: 'under ..' first, 'over ..' last."""
    return sorted({str(v) for v in labels if v}, key=lambda v: (v.startswith("over"), not v.startswith("under"), v))


def found_at_point(cases: Cases, found: Detections) -> tuple[FloatArray, FloatArray]:
    """Nodules found at the operating point and nodules in all, per image: ``[N]`` twice (0 for images without known boxes)."""
    kept = found.nodules.hit & (found.nodules.score >= cases.operating_point.detection)
    hits, totals = np.zeros(cases.size), np.zeros(cases.size)
    hits[cases.boxed] = np.bincount(found.nodules.image[kept], minlength=int(cases.boxed.sum()))
    totals[cases.boxed] = found.nodules.truths
    return hits, totals


def _metrics(cases: Cases, part: _Part, hit: FloatArray, marks: tuple[FloatArray, FloatArray]) -> list[Metric]:
    mask = part.mask
    sick, well, normal = (mask & (cases.truth == kind) for kind in (MALIGNANT, BENIGN, NORMAL))
    called = cases.called == MALIGNANT
    small = f"only {int(mask.sum())} images" if mask.sum() < FEW else None
    rows = [_auc(cases, part, small)]

    def add(name: str, subject: str, event: npt.ArrayLike, group: npt.NDArray[Any], unit: Unit = "image") -> None:
        if group.size:
            common: dict[str, Any] = {"unit": unit, "threshold": call_text(cases.operating_point), "note": small}
            rows.append(from_events(name, subject, event, group, **common, **part.common))

    add("sensitivity", "malignant v benign", called[sick], cases.group[sick])
    add("specificity", "malignant v benign", ~called[well], cases.group[well])
    add("sensitivity", "normal v rest", cases.called[normal] == NORMAL, cases.group[normal])
    add("sensitivity", "nodule found", *expanded(marks[0][mask], marks[1][mask], cases.group[mask]), "nodule")
    place = mask & ~np.isnan(hit)
    add("localisation", "nodule", hit[place], cases.group[place])
    return rows


def _auc(cases: Cases, part: _Part, small: str | None) -> Metric:
    mask = part.mask & cases.nodule
    malignant, score = cases.truth[mask] == MALIGNANT, cases.probability[mask, MALIGNANT]
    result = clustered_auc(malignant, score, cases.group[mask], scale="logit")
    missing = "malignant" if result.positives == 0 else "benign"
    note = f"not estimable: no {missing} images" if result.value is None else small
    return Metric(
        "auc",
        "malignant v benign",
        result.value,
        positives=result.positives,
        negatives=result.negatives,
        prevalence=result.positives / int(mask.sum()) if mask.any() else None,
        threshold="all values of p_malignant",
        intervals=known(result.interval),
        subgroup=part.name,
        note=note,
    )
