"""A method that is trained once for all who need it: as a row of the table, and as finder of boxes for the classical ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from usnet.comparators.method import Budget, Fitted, Kind, Method
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.values import Diagnosis, Frame


@dataclass(frozen=True, slots=True)
class Remembered:
    """A fitted method that looks at every frame once; its diagnosis says how long that took."""

    fitted: Fitted
    said: dict[str, Diagnosis] = field(default_factory=dict)

    @property
    def parameters(self) -> int | None:
        """The method's."""
        return self.fitted.parameters

    def diagnose(self, frame: Frame, given: ImageRecord | None = None) -> Diagnosis:
        """The opinion, remembered by the frame's pixels."""
        if frame.sha256 not in self.said:
            self.said[frame.sha256] = self.fitted.diagnose(frame, given)
        return self.said[frame.sha256]


@dataclass(frozen=True, slots=True)
class Once:
    """See :class:`usnet.comparators.method.Method`; asked again for the same data and budget, it gives what it has."""

    method: Method
    kept: dict[tuple[str, str, str], Remembered] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name

    @property
    def says(self) -> str:
        """The method's."""
        return self.method.says

    @property
    def kind(self) -> Kind:
        """The method's."""
        return self.method.kind

    @property
    def told(self) -> str:
        """The method's."""
        return self.method.told

    @property
    def trains(self) -> bool:
        """The method's."""
        return self.method.trains

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> Fitted:
        """Train, unless that was done."""
        return self._remembered(dataset, split, budget).fitted

    def finder(self, dataset: Dataset, budget: Budget) -> Fitted:
        """The trained method, for :class:`usnet.comparators.classical.Classical`: seven learners judge its boxes, which it finds
        once."""
        return self._remembered(dataset, "train", budget)

    def _remembered(self, dataset: Dataset, split: Split, budget: Budget) -> Remembered:
        key = (dataset.fingerprint(), split, budget.config.model_dump_json())
        if key not in self.kept:
            self.kept[key] = Remembered(self.method.fit(dataset, split, budget=budget))
        return self.kept[key]
