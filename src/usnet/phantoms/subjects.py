"""Who is examined in a simulated dataset: patients with one to three views, made-up but plausible facts.

Image ``k`` and its patient follow from the seed and ``k`` alone, so a dataset can be cut, extended or drawn on many processes
without changing an image. Patients come in trios with 1, 2 and 3 views; labels follow the base-3 van der Corput sequence, so that
with equal shares every trio holds one patient a label and every 18 images hold 6 a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from usnet.phantoms.cases import Case, another_view, draw_case
from usnet.phantoms.scanners import Scanner
from usnet.values import LABELS, Label

TRIO_IMAGES = 6
VIEWS = ("transverse", "longitudinal", "oblique")
AGES: dict[Label, tuple[float, float]] = {"benign": (43, 13), "malignant": (57, 12), "normal": (46, 13)}
"""Mean and standard deviation in years."""

Shares = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Subject:
    """One patient. ``number`` counts from 0; ``views`` is how many images the patient has."""

    number: int
    label: Label
    views: int
    age: float
    sex: Literal["female", "male"]

    @property
    def patient_id(self) -> str:
        """``phantom_00001`` for the first patient."""
        return f"phantom_{self.number + 1:05d}"


def subject_of(seed: int, image: int, shares: Shares = (1, 1, 1)) -> tuple[Subject, int]:
    """The patient whom image ``image`` (0-based) shows, and the 0-based view. ``shares`` are those of
    :data:`usnet.values.LABELS`.
    """
    trio, place = divmod(image, TRIO_IMAGES)
    order = np.random.default_rng((seed, 11, trio // 3)).permutation(3)
    shift = float(np.random.default_rng((seed, 12)).random())
    positions = [(_van_der_corput(3 * trio + member) + shift) % 1.0 for member in range(3)]
    views = [1 + int(order[(int(3 * position) + trio) % 3]) for position in positions]
    member = 0
    while place >= views[member]:
        place -= views[member]
        member += 1
    subject = _subject(seed, 3 * trio + member, views[member], _label_at(positions[member], shares))
    return subject, place


def _van_der_corput(number: int) -> float:
    value, weight = 0.0, 1 / 3
    while number:
        number, digit = divmod(number, 3)
        value += digit * weight
        weight /= 3
    return value


def _label_at(position: float, shares: Shares) -> Label:
    edges = np.cumsum(shares) / sum(shares)
    return LABELS[min(int(np.searchsorted(edges, position, side="right")), len(LABELS) - 1)]


def _subject(seed: int, number: int, views: int, label: Label) -> Subject:
    rng = np.random.default_rng((seed, 13, number))
    mean, spread = AGES[label]
    return Subject(
        number=number,
        label=label,
        views=views,
        age=float(np.clip(round(rng.normal(mean, spread)), 18, 92)),
        sex="male" if rng.random() < 0.01 else "female",
    )


def case_of(
    seed: int, subject: Subject, view: int, scanner: Scanner | str | None, frame: tuple[int, int] | None
) -> tuple[Case, str | None]:
    """The examination of a view, and its BI-RADS category."""
    rng = np.random.default_rng((seed, 14, subject.number))
    case = draw_case(rng, subject.label, scanner, frame)
    birads = "1"
    if case.lesions:
        choices = case.lesions[0].kind.birads
        birads = choices[int(rng.integers(len(choices)))]
    if view:
        case = another_view(case, np.random.default_rng((seed, 15, subject.number, view)))
    return case, birads


def image_seed(seed: int, image: int) -> int:
    """Seed of texture and speckle of image ``image``."""
    return int(np.random.SeedSequence((seed, 16, image)).generate_state(1)[0])
