"""AUC of each class against the rest, of malignant against benign alone, and of patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from usnet.evaluation.metric import Metric, Unit, from_events, known
from usnet.evaluation.scores import Patients
from usnet.evaluation.truth import BENIGN, MALIGNANT, Cases, FloatArray
from usnet.statistics.arrays import ratio
from usnet.statistics.bootstrap import Resampler
from usnet.statistics.clustered import FEW_CLUSTERS, clustered_auc
from usnet.statistics.operating import sensitivity_at, weighted_sensitivity_at
from usnet.statistics.roc import Auc, weighted_auc
from usnet.values import LABELS

BoolArray = npt.NDArray[np.bool_]
SPECIFICITIES = (0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Question:
    """One ROC question: who is positive, by which score, over which cases (``mask``)."""

    subject: str
    positive: BoolArray
    score: FloatArray
    mask: BoolArray
    score_name: str


def questions(cases: Cases) -> Iterator[Question]:
    """Each class against the rest by its probability; malignant against benign on nodule images, by ``p_malignant`` as the system
    gives it and by the probability of malignancy once the nodule is taken for granted."""
    everything = np.ones(cases.size, dtype=bool)
    for index, label in enumerate(LABELS):
        yield Question(f"{label} v rest", cases.truth == index, cases.probability[:, index], everything, f"p_{label}")
    malignant = cases.truth == MALIGNANT
    yield Question("malignant v benign", malignant, cases.probability[:, MALIGNANT], cases.nodule, "p_malignant")
    given = given_nodule(cases)
    name = "p_malignant / (p_malignant + p_benign)"
    yield Question("malignant v benign, given a nodule", malignant, given, cases.nodule, name)


def given_nodule(cases: Cases) -> FloatArray:
    """Probability of malignancy given that there is a nodule: ``[N]`` (0 where the system gives no chance to a nodule)."""
    both = cases.probability[:, BENIGN] + cases.probability[:, MALIGNANT]
    return np.nan_to_num(ratio(cases.probability[:, MALIGNANT], both))


def auc_metrics(cases: Cases, resampler: Resampler) -> list[Metric]:
    """AUC of every question, Obuchowski's interval on the logit scale first (DeLong's where no group has two
    images), then the bootstrap's."""
    rows = []
    for question in questions(cases):
        rows.append(auc_metric(question, cases.group, resampler))
        if question.subject == "malignant v benign":
            rows += _fixed_specificity(question, cases.group, resampler)
    return rows


def auc_metric(question: Question, group: npt.NDArray[np.str_], resampler: Resampler, unit: Unit = "image") -> Metric:
    """One AUC with its intervals."""
    mask = question.mask
    truth, score = question.positive[mask], question.score[mask]
    result = clustered_auc(truth, score, group[mask], scale="logit")
    boot = None
    if result.value is not None:
        boot = resampler.run(lambda w: weighted_auc(truth, score, w[:, mask])).interval()
    return Metric(
        "auc",
        question.subject,
        result.value,
        unit=unit,
        positives=result.positives,
        negatives=result.negatives,
        prevalence=result.positives / truth.size if truth.size else None,
        threshold=f"all values of {question.score_name}",
        intervals=known(result.interval, *(() if result.flags else (boot,))),
        note=_note(result, question, np.unique(group[mask]).size, unit),
    )


def _note(result: Auc, question: Question, clusters: int, unit: Unit) -> str | None:
    if result.value is None:
        missing = "positive" if result.positives == 0 else "negative"
        kind = question.subject.split(" v ")[0] if missing == "positive" else f"{missing}"
        return f"not estimable: no {kind} {unit}s"
    if result.flags:
        return {
            "perfect": "the classes separate fully here: the interval is an exact bound",
            "constant": "all scores are equal: the interval is an exact bound",
            "too few": "too few independent cases for an interval",
        }[result.flags[0]]
    return f"only {clusters} clusters: the interval is unstable" if clusters < FEW_CLUSTERS else None


def _fixed_specificity(question: Question, group: npt.NDArray[np.str_], resampler: Resampler) -> list[Metric]:
    """The bootstrap's interval first: each draw reads off its own threshold."""
    mask = question.mask
    truth, score, group = question.positive[mask], question.score[mask], group[mask]
    rows = []
    for target in SPECIFICITIES:
        point = sensitivity_at(truth, score, target)
        name = f"sensitivity at specificity {target:g}"
        if point is None:
            rows.append(Metric(name, question.subject, None, note="not estimable: a class is missing"))
            continue
        row = from_events(
            name,
            question.subject,
            score[truth] >= point.threshold,
            group[truth],
            positives=int(point.sensitivity.denominator),
            negatives=int(point.specificity.denominator),
            threshold=f"{question.score_name} >= {point.threshold:.4g}, specificity reached {point.specificity.value:.4f}",
            note="the threshold was read off these images; an interval by wilson takes the threshold as given and is too narrow",
        )
        statistic = partial(weighted_sensitivity_at, truth, score, target)
        boot = resampler.run(lambda w, statistic=statistic: statistic(w[:, mask]))  # type: ignore[misc]
        rows.append(replace(row, intervals=known(boot.interval(), *row.intervals)))
    return rows


def patient_aucs(patients: Patients, resampler: Resampler) -> list[Metric]:
    """AUC of patients by their greatest ``p_malignant``: malignant against the rest and against benign."""
    malignant = patients.truth == MALIGNANT
    everything = np.ones(malignant.size, dtype=bool)
    asked = (
        Question("malignant v rest", malignant, patients.p_malignant, everything, "max p_malignant"),
        Question("malignant v benign", malignant, patients.p_malignant, patients.truth < 2, "max p_malignant"),
    )
    return [auc_metric(q, patients.group, resampler, "patient") for q in asked]
