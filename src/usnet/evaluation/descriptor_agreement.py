"""Do measured descriptors say what experts say? Kappa of every BI-RADS word, on cases that its rule was not fitted on.

The experts' words are those of BrEaST-Lesions-USG, which its importer keeps in ``info['clinical']``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from usnet import images
from usnet.datasets.records import Dataset, ImageRecord
from usnet.descriptors import find_contour, measure
from usnet.descriptors.measure import NAMES
from usnet.descriptors.reference import WordRule
from usnet.descriptors.rules import QUESTIONS, Question, Rule, fit_rule
from usnet.errors import DataError
from usnet.evaluation.baselines import largest_box
from usnet.statistics.agreement import Agreement, cohen_kappa

FloatArray = npt.NDArray[np.float64]
FOLDS = 5
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class TermAgreement:
    """``rule`` is fitted on all cases; ``agreement`` is that of words given by rules fitted on the other folds."""

    question: Question
    rule: Rule
    agreement: Agreement
    counts: dict[str, int]


def descriptor_table(
    dataset: Dataset, records: Sequence[ImageRecord], progress: Progress | None = None
) -> tuple[dict[str, FloatArray], list[ImageRecord]]:
    """Values by descriptor of the largest nodule of each record that has one, and these records."""
    kept, rows = [], []
    for number, record in enumerate(records, 1):
        box = largest_box(record)
        if box is not None and min(box.width, box.height) >= 4:
            frame = images.read(dataset.path(record))
            rows.append(measure(frame.pixels, find_contour(frame.pixels, box), record.spacing_mm or frame.spacing_mm))
            kept.append(record)
        if progress is not None:
            progress(number, len(records))
    if not rows:
        raise DataError("no image with a nodule", source=dataset.root)
    return {name: np.array([row[name] for row in rows]) for name in NAMES}, kept


def expert_words(dataset: Dataset, records: Sequence[ImageRecord]) -> dict[str, list[str | None]]:
    """The experts' word of every question for each record, ``None`` where they said nothing that fits.

    Raises
    ------
    DataError
        The dataset has no experts' descriptors.
    """
    clinical = dataset.info.get("clinical")
    if not isinstance(clinical, dict):
        raise DataError(
            "no experts' descriptors", source=dataset.root, expected="a dataset of 'usnet data import breast'"
        )
    rows = [clinical.get(r.source_name or r.file_name, {}) for r in records]
    return {q.term: [_word(q.term, row) for row in rows] for q in QUESTIONS}


def _word(term: str, row: dict[str, Any]) -> str | None:
    shape, margin, echo = (row.get(k) for k in ("Shape", "Margin", "Echogenicity"))
    parts = {"spiculated or angular margin": ("spiculated", "angular"), "microlobulated margin": ("microlobulated",)}
    parts["indistinct margin"] = ("indistinct",)
    if term == "shape":
        return {"oval": "oval or round", "round": "oval or round", "irregular": "irregular"}.get(str(shape))
    if term == "margin":
        return None if margin is None else "circumscribed" if margin == "circumscribed" else "not circumscribed"
    if term in parts:
        return None if margin is None else _yes(any(p in margin for p in parts[term]))
    if term == "echo pattern":
        low, high = ("hypoechoic", "anechoic"), ("isoechoic", "hyperechoic")
        return QUESTION_WORDS[term][0] if echo in low else QUESTION_WORDS[term][1] if echo in high else None
    if term == "heterogeneous echo":
        return None if echo is None else _yes(echo in ("heterogeneous", "complex cystic/solid"))
    if term == "anechoic echo":
        return None if echo is None else _yes(echo == "anechoic")
    if term == "posterior features":
        named = {"no": "none", "shadowing": "shadowing", "enhancement": "enhancement"}
        return named.get(str(row.get("Posterior_features")))
    if term == "echogenic rim":
        return {"yes": "yes", "no": "no"}.get(str(row.get("Halo")))
    return {"in a mass": "yes", "no": "no", "intraductal": "no"}.get(str(row.get("Calcifications")))


QUESTION_WORDS = {q.term: q.words for q in QUESTIONS}


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def agreements(
    table: dict[str, FloatArray], records: Sequence[ImageRecord], words: dict[str, list[str | None]], *, seed: int = 0
) -> list[TermAgreement]:
    """Kappa of every question by cross-validation in five parts that keep groups together."""
    part = _parts([r.group for r in records], seed)
    found = []
    for question in QUESTIONS:
        truth = words[question.term]
        called: list[str | None] = [None] * len(records)
        for fold in range(FOLDS):
            held = part == fold
            learning = {name: np.where(held, np.nan, values) for name, values in table.items()}
            seen = [None if h else t for h, t in zip(held, truth, strict=True)]
            rule, _ = fit_rule(question, learning, seen)
            for index in np.flatnonzero(held):
                called[index] = rule.word(float(table[rule.descriptor][index]))
        pairs = [(t, c) for t, c in zip(truth, called, strict=True) if t is not None and c is not None]
        agreement = cohen_kappa([t for t, _ in pairs], [c for _, c in pairs], categories=question.words)
        whole, _ = fit_rule(question, table, truth)
        counts = {word: sum(t == word for t, _ in pairs) for word in question.words}
        found.append(TermAgreement(question, whole, agreement, counts))
    return found


def _parts(groups: Sequence[str], seed: int) -> npt.NDArray[np.intp]:
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names)) % FOLDS
    place = dict(zip(names, order.tolist(), strict=True))
    return np.array([place[g] for g in groups], dtype=np.intp)


def word_rules(found: Sequence[TermAgreement], origin: str) -> tuple[WordRule, ...]:
    """The rules whose words agree better than chance (interval of kappa above 0), with what is to be said of them."""
    rules = []
    for term in found:
        a = term.agreement
        if a.value is None or a.interval is None or a.interval.low <= 0:
            continue
        said = f"kappa {a.value:.2f} ({a.interval.low:.2f} to {a.interval.high:.2f}), {a.n} nodules of {origin}"
        rule = term.rule
        cuts = tuple(round(c, 5) for c in rule.cuts)
        rules.append(WordRule(term=rule.term, descriptor=rule.descriptor, words=rule.words, cuts=cuts, agreement=said))
    return tuple(rules)
