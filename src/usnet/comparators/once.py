"""A method that is trained once for all who need it: as a row of the table, and as finder of boxes for the classical ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from usnet.comparators.method import Budget, Fitted, Kind, Method
from usnet.datasets.records import Dataset, Split


@dataclass(frozen=True, slots=True)
class Once:
    """See :class:`usnet.comparators.method.Method`; asked again for the same data and budget, it gives what it has."""

    method: Method
    kept: dict[tuple[str, str, str], Fitted] = field(default_factory=dict)

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
        key = (dataset.fingerprint(), split, budget.config.model_dump_json())
        if key not in self.kept:
            self.kept[key] = self.method.fit(dataset, split, budget=budget)
        return self.kept[key]

    def finder(self, dataset: Dataset, budget: Budget) -> Fitted:
        """The trained method, for :class:`usnet.comparators.classical.Classical`."""
        return self.fit(dataset, "train", budget=budget)
