"""Made-up datasets and made-up opinions on them: enough to run all of evaluation without an image or a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from usnet.datasets.records import Dataset, ImageRecord
from usnet.values import Box, Diagnosis, Finding, Label, ModelIdentity, Nodule, OperatingPoint, Pathology

POINT = OperatingPoint("default", 0.3, 0.5, "made up for tests")
MODEL = ModelIdentity("made-up", "0" * 64)


def logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def record(number: int, label: Label | None, box: Box | None = None, **more: object) -> ImageRecord:
    """One image of 400 x 300 pixels with at most one nodule."""
    nodules: tuple[Nodule, ...] = ()
    if box is not None:
        pathology: Pathology | None = "malignant" if label == "malignant" else "benign" if label == "benign" else None
        nodules = (Nodule(box, pathology),)
    values = {"patient_id": f"p{number // 2}", "split": "test"} | more
    return ImageRecord(number, f"made_{number:04d}.png", 400, 300, label, nodules, **values)  # type: ignore[arg-type]


def opinion(
    of: ImageRecord,
    boxes: list[tuple[Box, float, float]],
    p_nodule: float | None = None,
    point: OperatingPoint = POINT,
    model: ModelIdentity = MODEL,
) -> Diagnosis:
    """An opinion from ``(box, score, probability of malignancy)`` rows, called as diagnosis does it."""
    candidates = tuple(
        Finding(
            box=b,
            score=s,
            probability=q,
            class_scores=(s * min(1.0, 2 * (1 - q)), s * min(1.0, 2 * q)),
            label="malignant" if q >= point.malignancy else "benign",
        )
        for b, s, q in sorted(boxes, key=lambda row: -row[1])
    )
    kept = tuple(f for f in candidates if f.score >= point.detection)
    top = candidates[0].score if candidates else 0.01
    nodule = top if p_nodule is None else p_nodule
    q = max((f.probability for f in kept), default=candidates[0].probability if candidates else 0.5)
    label: Label = "normal" if not kept else "malignant" if any(f.label == "malignant" for f in kept) else "benign"
    return Diagnosis(
        image_id=Path(of.file_name).stem,
        source=f"somewhere/images/{of.file_name}",
        width=of.width,
        height=of.height,
        findings=kept,
        p_benign=nodule * (1 - q),
        p_malignant=nodule * q,
        p_normal=1 - nodule,
        label=label,
        operating_point=point,
        model=model,
        seconds=0.01,
        candidates=candidates,
    )


def study(
    count: int = 240, seed: int = 0, shares: tuple[float, float, float] = (0.4, 0.35, 0.25), skill: float = 1.6
) -> tuple[Dataset, list[Diagnosis]]:
    """A dataset of two images a patient and opinions of modest skill on it; malignant nodules are larger and taller."""
    rng = np.random.default_rng(seed)
    records, diagnoses = [], []
    for number in range(count):
        if number % 2 == 0:
            label: Label = ("benign", "malignant", "normal")[int(rng.choice(3, p=shares))]
        box = None
        if label != "normal":
            width = rng.uniform(30, 110) * (1.3 if label == "malignant" else 1)
            height = width * rng.uniform(0.5, 0.9) * (1.3 if label == "malignant" else 1)
            box = Box(rng.uniform(0, 380 - width), rng.uniform(0, max(1, 290 - height)), width, height)
        spacing = (0.1, 0.1) if number % 3 else None
        birads = None if label == "normal" else str(int(np.clip(rng.integers(2, 5) + (label == "malignant"), 2, 5)))
        records.append(
            record(
                number, label, box, device=("A", "B")[number % 4 // 2], spacing_mm=spacing, birads=birads, center="one"
            )
        )
        diagnoses.append(opinion(records[-1], _boxes(rng, box, label, skill)))
    dataset = Dataset(Path("nowhere"), "made-up", tuple(records))
    return dataset, diagnoses


def _boxes(rng: np.random.Generator, box: Box | None, label: Label, skill: float) -> list[tuple[Box, float, float]]:
    rows = []
    if box is not None and rng.random() < 0.93:
        jitter = rng.normal(0, 0.08, 4) * box.width
        moved = Box(box.x + jitter[0], box.y + jitter[1], max(5, box.width + jitter[2]), max(5, box.height + jitter[3]))
        lean = (skill if label == "malignant" else -skill) + 1.2 * rng.normal()
        rows.append((moved, logistic(1.5 + rng.normal()), logistic(lean)))
    for _ in range(int(rng.integers(0, 6))):
        noise = Box(rng.uniform(0, 300), rng.uniform(0, 200), rng.uniform(20, 90), rng.uniform(20, 90))
        rows.append((noise, logistic(-2.5 + rng.normal()), logistic(rng.normal())))
    return rows
