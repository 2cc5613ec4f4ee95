"""Several views, one opinion.

Views of one nodule are repeated looks at the same thing, so their log-odds are averaged (the logarithmic opinion pool of Genest
and Zidek 1986, on each of two questions): is there a nodule, asked of every view, and is it malignant, asked of those that found
one; a view that missed it has seen nothing to judge. The frames of one patient show different places, most of them without a
nodule, and a mean would dilute the one that matters: there the worst view speaks for the patient.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from usnet.diagnosis.grouping import GroupBy
from usnet.values import Diagnosis, Label

Rule = Literal["mean-log-odds", "worst-view"]

_SEVERITY: dict[Label, int] = {"normal": 0, "benign": 1, "malignant": 2}
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class View:
    """One image of a group, as far as fusing needs it."""

    image_id: str
    label: Label
    p_benign: float
    p_malignant: float
    p_normal: float
    threshold: float

    @property
    def given_nodule(self) -> float:
        """Probability of malignancy given a nodule."""
        return min(1.0, self.p_malignant / max(self.p_benign + self.p_malignant, _TINY))

    @classmethod
    def of(cls, diagnosis: Diagnosis) -> View:
        """The view that a diagnosis is."""
        d = diagnosis
        return cls(d.image_id, d.label, d.p_benign, d.p_malignant, d.p_normal, d.operating_point.malignancy)


@dataclass(frozen=True, slots=True)
class GroupOpinion:
    """The opinion on one nodule or patient, with every view it rests on. The probabilities add up to 1."""

    group: str
    label: Label
    p_benign: float
    p_malignant: float
    p_normal: float
    rule: Rule
    views: tuple[View, ...]

    @property
    def agree(self) -> bool:
        """Whether all views have the same label."""
        return len({view.label for view in self.views}) == 1


class Groups:
    """Views collected while diagnoses stream by: a few numbers an image are kept, no pixels."""

    def __init__(self, group_by: GroupBy) -> None:
        self._rule: Rule = "worst-view" if group_by == "patient" else "mean-log-odds"
        self._views: dict[str, list[View]] = {}

    def add(self, diagnosis: Diagnosis) -> None:
        """Take one diagnosis; one without a group is left alone."""
        if diagnosis.group is not None:
            self._views.setdefault(diagnosis.group, []).append(View.of(diagnosis))

    def opinions(self) -> Iterator[GroupOpinion]:
        """One opinion a group, in the order in which groups appeared."""
        for group, views in self._views.items():
            yield fuse(group, views, self._rule)


def fuse_all(diagnoses: Iterable[Diagnosis], group_by: GroupBy) -> list[GroupOpinion]:
    """Opinions of all groups in ``diagnoses``."""
    groups = Groups(group_by)
    for diagnosis in diagnoses:
        groups.add(diagnosis)
    return list(groups.opinions())


def fuse(group: str, views: Sequence[View], rule: Rule) -> GroupOpinion:
    """One opinion from at least one view.

    ``mean-log-odds``: normal if no view has a finding, else malignant if the fused probability of malignancy given a nodule reaches
    the operating point, else benign. ``worst-view``: label and probabilities of the view with the worst label, among those of the
    largest ``p_malignant``.
    """
    if rule == "worst-view":
        worst = max(views, key=lambda v: (_SEVERITY[v.label], v.p_malignant))
        return GroupOpinion(group, worst.label, worst.p_benign, worst.p_malignant, worst.p_normal, rule, tuple(views))
    finding = [view for view in views if view.label != "normal"]
    p_nodule = mean_log_odds([1 - view.p_normal for view in views])
    q = mean_log_odds([view.given_nodule for view in finding or views])
    label: Label = "normal" if not finding else "malignant" if q >= views[0].threshold else "benign"
    p_malignant = p_nodule * q
    return GroupOpinion(group, label, p_nodule - p_malignant, p_malignant, 1 - p_nodule, rule, tuple(views))


def mean_log_odds(probabilities: Sequence[float]) -> float:
    """The probability whose log-odds is the mean of the others'; a single one comes back as it is."""
    if len(set(probabilities)) == 1:
        return probabilities[0]
    inner = [min(max(p, _TINY), 1 - _TINY) for p in probabilities]
    mean = math.fsum(math.log(p / (1 - p)) for p in inner) / len(inner)
    return 1 / (1 + math.exp(-mean))
