"""The readings of a multi-reader multi-case study as one immutable table.

A study is a block ``scores [M, R, K]`` of ``M`` modalities (arms), ``R`` readers and ``K`` cases, NaN where a reader did not
read a case in that modality, and ``truth [K]``, true for cases with the condition. A higher score speaks for the condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from usnet.errors import DataError
from usnet.statistics.arrays import BoolArray, FloatArray

Design = Literal[
    "factorial", "readers nested in modality", "cases nested in reader", "cases nested in modality", "unbalanced"
]


class DuplicateReading(DataError):
    """A reader read one case twice in one modality."""


class UnknownTruth(DataError):
    """The truth of a case is missing, not 0 or 1, or differs between rows."""


class MissingClass(DataError):
    """A reader has no, or too few, cases with or without the condition."""


class UnbalancedStudy(DataError):
    """The readings do not form a design that the method asked for can analyse."""


class Reading(NamedTuple):
    """One score that one reader gave to one case in one modality."""

    reader: str
    modality: str
    case: str
    truth: bool
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Immutable table of readings; see the module. Names keep the order in which they first appeared.

    Raises
    ------
    DataError
        Shapes do not fit, a name occurs twice, or there is no reader or no modality.
    MissingClass
        All cases have the condition, or none has.
    """

    readers: tuple[str, ...]
    modalities: tuple[str, ...]
    cases: tuple[str, ...]
    truth: BoolArray
    scores: FloatArray
    source: str = "study"

    def __post_init__(self) -> None:
        truth, scores = np.array(self.truth), np.array(self.scores, dtype=np.float64)
        shape = (len(self.modalities), len(self.readers), len(self.cases))
        if scores.shape != shape or truth.shape != shape[2:]:
            raise DataError(
                f"scores of shape {scores.shape}, truth of shape {truth.shape}", source=self.source, expected=f"{shape}"
            )
        for kind, names in (("reader", self.readers), ("modality", self.modalities), ("case", self.cases)):
            if len(set(names)) != len(names):
                raise DataError(f"a {kind} is named twice", source=self.source)
        if truth.dtype != np.bool_:
            truth = _as_truth(truth, self.cases, self.source)
        if not shape[0] or not shape[1]:
            raise DataError("no readings", source=self.source, expected="one reader and one modality at least")
        if truth.all() or not truth.any():
            which = "has" if not truth.any() else "is without"
            raise MissingClass(
                f"no case {which} the condition", source=self.source, expected="cases with and cases without it"
            )
        truth.setflags(write=False)
        scores.setflags(write=False)
        object.__setattr__(self, "truth", truth)
        object.__setattr__(self, "scores", scores)

    @classmethod
    def from_readings(
        cls, readings: Iterable[Reading], source: str = "study", numbers: Sequence[int] | None = None
    ) -> Study:
        """Study from rows in any order; a reading that did not take place has no row.

        ``numbers`` are the rows' numbers in ``source``, for errors; 1, 2, ... where they are not given.

        Raises
        ------
        DuplicateReading, UnknownTruth, MissingClass, DataError
            A reader read a case twice in a modality; a case has two truths; a score is NaN; no row at all.
        """
        rows = list(readings)
        row_of = range(1, len(rows) + 1) if numbers is None else numbers
        modality_of, modalities = _codes([r.modality for r in rows])
        reader_of, readers = _codes([r.reader for r in rows])
        case_of, cases = _codes([r.case for r in rows])
        values = np.array([r.score for r in rows], dtype=np.float64)
        for number in np.flatnonzero(np.isnan(values)).tolist():
            raise DataError(
                f"the score of reader {rows[number].reader!r} for case {rows[number].case!r} is not a number",
                source=source,
                row=row_of[number],
                hint="Leave the row out where a case was not read",
            )
        scores = np.full((len(modalities), len(readers), len(cases)), np.nan)
        place = np.ravel_multi_index((modality_of, reader_of, case_of), scores.shape) if rows else np.zeros(0, int)
        _refuse_duplicates(place, rows, source, row_of)
        scores.reshape(-1)[place] = values
        truth = np.zeros(len(cases), dtype=np.float64)
        labels = np.array([float(r.truth) for r in rows])
        truth[case_of[::-1]] = labels[::-1]  # the first row of a case decides, a later one may differ from it
        for number in np.flatnonzero(truth[case_of] != labels).tolist():
            raise UnknownTruth(f"case {rows[number].case!r} has two truths", source=source, row=row_of[number])
        return cls(readers, modalities, cases, _as_truth(truth, cases, source), scores, source)

    @property
    def read(self) -> BoolArray:
        """``[M, R, K]``, true where there is a reading."""
        return np.asarray(~np.isnan(self.scores), dtype=np.bool_)

    @property
    def readings(self) -> int:
        """Number of readings."""
        return int(self.read.sum())

    @property
    def positives(self) -> int:
        """Cases with the condition."""
        return int(self.truth.sum())

    @property
    def negatives(self) -> int:
        """Cases without it."""
        return int((~self.truth).sum())

    @property
    def design(self) -> Design:
        """How readers, modalities and cases cross: the balanced designs of Hillis (Stat Med 2014; 33:330), or unbalanced.

        In *cases nested in reader* (split plot) every case has one reader, who reads it in all modalities; in *cases nested in
        modality* all readers read it in one modality; in *readers nested in modality* every reader works in one modality, on
        all cases.
        """
        read = self.read
        if read.all():
            return "factorial"
        works = np.asarray(read.any(axis=2))
        if (works.sum(axis=0) == 1).all():
            return "readers nested in modality" if read[works].all() else "unbalanced"
        by_case = np.asarray(read.any(axis=0))
        if (by_case.sum(axis=0) == 1).all() and (read == by_case[None]).all():
            return "cases nested in reader"
        by_case = np.asarray(read.any(axis=1))
        if (by_case.sum(axis=0) == 1).all() and (read == by_case[:, None]).all():
            return "cases nested in modality"
        return "unbalanced"

    def select(
        self,
        *,
        readers: Sequence[str] | None = None,
        modalities: Sequence[str] | None = None,
        cases: Sequence[str] | None = None,
    ) -> Study:
        """The part with these readers, modalities and cases, in this order; cases that nobody of them read are left out."""
        r = _places(self.readers, readers, "reader", self.source)
        m = _places(self.modalities, modalities, "modality", self.source)
        k = np.array(_places(self.cases, cases, "case", self.source), dtype=np.intp)
        scores = self.scores[m][:, r][:, :, k]
        kept = (~np.isnan(scores)).any(axis=(0, 1))
        return Study(
            tuple(self.readers[i] for i in r),
            tuple(self.modalities[i] for i in m),
            tuple(self.cases[i] for i in k[kept]),
            self.truth[k[kept]],
            scores[:, :, kept],
            self.source,
        )

    def complete(self) -> Study:
        """The part made of the cases that every reader read in every modality."""
        everywhere = np.flatnonzero(self.read.all(axis=(0, 1)))
        return self.select(cases=[self.cases[k] for k in everywhere])

    def rows(self) -> Iterable[Reading]:
        """All readings: by modality, reader and case."""
        for m, r, k in np.argwhere(self.read).tolist():
            yield Reading(
                self.readers[r], self.modalities[m], self.cases[k], bool(self.truth[k]), float(self.scores[m, r, k])
            )


def parse_truth(text: object, source: str, row: int | None = None) -> bool:
    """Truth of a case from a cell.

    Raises
    ------
    UnknownTruth
        Anything but 0/1, false/true, negative/positive, benign/malignant, normal/abnormal or non-diseased/diseased.
    """
    word = str(text).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise UnknownTruth(f"unknown truth {str(text)!r}", source=source, row=row, expected="0 or 1")


_TRUE = {"1", "1.0", "true", "positive", "malignant", "abnormal", "diseased"}
_FALSE = {"0", "0.0", "false", "negative", "benign", "normal", "non-diseased"}


def _as_truth(values: np.ndarray, cases: Sequence[str], source: str) -> BoolArray:
    return np.array([parse_truth(v, f"{source}, case {c}") for v, c in zip(values, cases, strict=True)], dtype=bool)


def _codes(names: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    place = {name: code for code, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.intp), tuple(place)


def _places(all_names: tuple[str, ...], wanted: Sequence[str] | None, kind: str, source: str) -> list[int]:
    if wanted is None:
        return list(range(len(all_names)))
    place = {name: index for index, name in enumerate(all_names)}
    for name in wanted:
        if name not in place:
            shown = ", ".join(all_names[:10])
            raise DataError(f"no {kind} {name!r}", source=source, expected=f"one of {shown}")
    return [place[name] for name in wanted]


def _refuse_duplicates(place: np.ndarray, rows: list[Reading], source: str, row_of: Sequence[int]) -> None:
    order = np.argsort(place, kind="stable")
    again = np.flatnonzero(place[order][1:] == place[order][:-1])
    if again.size:
        number = int(order[again[0] + 1])
        row = rows[number]
        raise DuplicateReading(
            f"reader {row.reader!r} read case {row.case!r} twice in {row.modality!r}",
            source=source,
            row=row_of[number],
            expected="one reading a reader, case and modality",
            hint="Keep one of the two, or give repeated readings a modality of their own",
        )
