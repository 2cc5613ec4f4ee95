"""Made-up files for every statistics command, drawn by the seed: to try the commands on, and to see which columns they want.

Nothing in them was measured. Two images of a patient share an effect, so that clusters matter.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from usnet.statistics.mrmc.formats import write_study
from usnet.statistics.mrmc.study import Study
from usnet.statistics.mrmc.synthetic import simulate_study

Rows = tuple[Sequence[str], Iterable[Sequence[Any]]]


def write_examples(folder: Path, seed: int = 0) -> dict[str, Path]:
    """Write all files of :data:`EXAMPLES` and ``readings.csv`` into ``folder``; the paths by name.

    Returns
    -------
    dict
        ``cases.csv`` (truth, scores and calls), ``classes.csv`` (three classes), ``readings.csv`` (five readers, two modalities,
        50 + 50 cases), ``ai.csv`` (a score for those cases), ``marks.csv``, ``lesions.csv`` and ``marked-cases.csv`` (free
        response), ``ratings.csv`` (BI-RADS of three readers, twice), ``sizes.csv`` (measurements in mm), ``levels.csv`` (accuracy
        of readers by level).
    """
    folder.mkdir(parents=True, exist_ok=True)
    study = simulate_study(readers=5, positives=50, negatives=50, levels=10, seed=seed)
    write_study(study, folder / "readings.csv")
    files = {name: make(np.random.default_rng([seed, number])) for number, (name, make) in enumerate(EXAMPLES.items())}
    files["ai.csv"] = _ai(study, np.random.default_rng([seed, 99]))
    written = {"readings.csv": folder / "readings.csv"}
    for name, (heading, rows) in files.items():
        written[name] = folder / name
        with written[name].open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(heading)
            writer.writerows(rows)
    return written


def _cases(rng: np.random.Generator) -> Rows:
    """120 images of 60 patients; ``score`` is a probability, ``other`` a poorer score of the same images."""
    patient = np.arange(120) // 2
    truth = (patient % 3 == 0).astype(int)
    shared = rng.normal(0, 0.8, 60)[patient]
    score = expit(1.6 * (-1.2 + 2.2 * truth + shared + rng.normal(0, 0.9, 120)))
    other = expit(-1.2 + 1.6 * truth + shared + rng.normal(0, 1.0, 120))
    reader = (1.3 * truth + 0.6 * shared + rng.normal(0, 0.8, 120) > 0.6).astype(int)
    calls = np.stack([score >= 0.5, other >= 0.5, reader], axis=1).astype(int)
    rows = [
        (f"C{i + 1}", f"P{patient[i] + 1}", "fm"[i // 2 % 2], truth[i], f"{score[i]:.3f}", f"{other[i]:.3f}", *calls[i])
        for i in range(120)
    ]
    return ("case", "patient", "sex", "truth", "score", "other", "call", "other_call", "reader_call"), rows


def _classes(rng: np.random.Generator) -> Rows:
    """150 images of 75 patients with one of three classes and a probability of each."""
    patient = np.arange(150) // 2
    kind = patient % 3
    names = ("benign", "malignant", "normal")
    logits = 1.5 * np.eye(3)[kind] + rng.normal(0, 0.6, (75, 3))[patient] + rng.normal(0, 0.7, (150, 3))
    p = softmax(logits, axis=1)
    rows = [(f"C{i + 1}", f"P{patient[i] + 1}", names[kind[i]], *(f"{v:.4f}" for v in p[i])) for i in range(150)]
    return ("case", "patient", "label", "p_benign", "p_malignant", "p_normal"), rows


def _ai(study: Study, rng: np.random.Generator) -> Rows:
    values = 2.0 * study.truth + rng.normal(0, 1, study.truth.size)
    return ("case", "score"), [(case, f"{v:.3f}") for case, v in zip(study.cases, values, strict=True)]


def _marks(rng: np.random.Generator) -> Rows:
    """Four readers, two modalities, 40 cases of which 21 to 40 have one lesion; the second modality finds fewer."""
    rows: list[Sequence[Any]] = []
    for modality, found in (("with AI", 0.85), ("without", 0.7)):
        for reader in "ABCD":
            for case in range(1, 41):
                if case > 20 and rng.random() < found:
                    rows.append((modality, reader, case, 1, int(rng.integers(3, 8))))
                if rng.random() < 0.35:
                    rows.append((modality, reader, case, 0, int(rng.integers(1, 6))))
    return ("modality", "reader", "case", "lesion_hit", "rating"), rows


def _lesions(_: np.random.Generator) -> Rows:
    return ("case", "lesion"), [(case, 1) for case in range(21, 41)]


def _marked_cases(_: np.random.Generator) -> Rows:
    return ("case", "diseased"), [(case, int(case > 20)) for case in range(1, 41)]


def _ratings(rng: np.random.Generator) -> Rows:
    scale = ("2", "3", "4a", "4b", "4c", "5")
    rows = []
    for case in range(1, 61):
        true = int(rng.integers(0, 6))
        for reader in "ABC":
            for occasion in (1, 2):
                seen = int(np.clip(true + rng.choice((-1, 0, 0, 0, 1)), 0, 5))
                rows.append((case, reader, occasion, scale[seen]))
    return ("case", "reader", "occasion", "rating"), rows


def _sizes(rng: np.random.Generator) -> Rows:
    true = rng.uniform(5, 30, 40)
    readers = {"A": (0.0, 1.0), "B": (0.8, 1.2)}
    rows = [
        (case + 1, reader, f"{true[case] + shift + rng.normal(0, spread):.1f}")
        for case in range(40)
        for reader, (shift, spread) in readers.items()
    ]
    return ("case", "reader", "rating"), rows


def _levels(rng: np.random.Generator) -> Rows:
    groups = {"resident": (63, 9, 24), "attending": (68, 8, 30), "chief": (72, 7, 18)}
    rows = [
        (f"{name}-{i + 1}", name, rng.choice(("f", "m")), f"{rng.normal(mean, sd):.1f}")
        for name, (mean, sd, n) in groups.items()
        for i in range(n)
    ]
    return ("reader", "level", "sex", "score"), rows


EXAMPLES: dict[str, Callable[[np.random.Generator], Rows]] = {
    "cases.csv": _cases,
    "classes.csv": _classes,
    "marks.csv": _marks,
    "lesions.csv": _lesions,
    "marked-cases.csv": _marked_cases,
    "ratings.csv": _ratings,
    "sizes.csv": _sizes,
    "levels.csv": _levels,
}
