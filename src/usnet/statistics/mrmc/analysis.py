"""From a study to an analysis of variance, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc.covariance import (
    CovarianceMethod,
    covariance_of,
    jackknife_covariance,
    leave_one_out,
    refuse_small_classes,
)
from usnet.statistics.mrmc.dbm import dbm
from usnet.statistics.mrmc.merit import Merit, find_merit
from usnet.statistics.mrmc.obuchowski_rockette import Cells, obuchowski_rockette
from usnet.statistics.mrmc.results import Factor, MrmcResult
from usnet.statistics.mrmc.study import Study, UnbalancedStudy


def analyse(
    study: Study,
    *,
    method: Literal["or", "dbm"] = "or",
    covariance: CovarianceMethod = "delong",
    readers: Factor = "random",
    cases: Factor = "random",
    merit: str | Merit = "auc",
    threshold: float | None = None,
    level: float = 0.95,
) -> MrmcResult:
    """Analyse a balanced study by Obuchowski and Rockette (``or``) or Dorfman, Berbaum and Metz (``dbm``).

    Parameters
    ----------
    covariance
        ``delong`` or ``unbiased`` (AUC only), or ``jackknife`` (any merit; DBM always uses it).
    readers, cases
        ``random``: the result speaks for readers (cases) like these; ``fixed``: for these alone. One must be random.
    merit
        ``auc``, ``sensitivity`` or ``specificity`` with ``threshold`` (positive at a rating of at least this), or a
        :class:`~usnet.statistics.mrmc.merit.Merit`.

    Raises
    ------
    UnbalancedStudy
        Readings are missing, or cases differ between modalities: use the U-statistics, or ``study.complete()``.
    MissingClass
        A reader has fewer than two cases of a class.
    ConfigError
        An option is unknown, or options exclude each other.
    """
    chosen = find_merit(merit, threshold)
    if method == "dbm":
        if (readers, cases) != ("random", "random"):
            raise ConfigError("DBM here takes readers and cases as random", hint="Use method 'or' for fixed ones")
        refuse_unbalanced(study)
        flat = study.scores.reshape(-1, len(study.cases))
        refuse_small_classes(study.truth, flat, chosen)
        values, without = leave_one_out(study.truth, flat, chosen)
        return dbm(_cells(study, chosen, values, np.zeros((0, 0)), "jackknife"), without, level=level)
    if method != "or":
        raise ConfigError(f"unknown method {method!r}", expected="or or dbm")
    return obuchowski_rockette(
        cells_of(study, merit=chosen, covariance=covariance), readers=readers, cases=cases, level=level
    )


def analyse_jackknife(
    values: FloatArray,
    without: FloatArray,
    *,
    readers: Factor = "random",
    cases: Factor = "random",
    reader_names: Sequence[str] | None = None,
    modality_names: Sequence[str] | None = None,
    merit: str = "figure of merit",
    positives: int = 0,
    negatives: int = 0,
    limits: tuple[float, float] | None = (0.0, 1.0),
    method: Literal["or", "dbm"] = "or",
    level: float = 0.95,
) -> MrmcResult:
    """Analyse any figure of merit of a factorial study from its values and leave-one-out values, free-response ones for example.

    Parameters
    ----------
    values
        ``[M, R]``, a value for each modality and reader.
    without
        ``[M, R, K]``, the value with each case left out.
    positives, negatives
        Number of cases with and without the condition, for the sentence.

    Raises
    ------
    DataError
        Shapes do not fit or a value is NaN.
    """
    values, without = np.asarray(values, dtype=np.float64), np.asarray(without, dtype=np.float64)
    if values.ndim != 2 or without.ndim != 3 or without.shape[:2] != values.shape:
        raise DataError(f"values {values.shape}, leave-one-out values {without.shape}", expected="[M, R] and [M, R, K]")
    if np.isnan(values).any() or np.isnan(without).any():
        raise DataError(f"a value of the {merit} is not defined, or not without one of the cases")
    flat = without.reshape(values.size, -1)
    cells = Cells(
        values,
        jackknife_covariance(values.reshape(-1), flat)[1],
        tuple(reader_names or (str(j + 1) for j in range(values.shape[1]))),
        tuple(modality_names or (str(i + 1) for i in range(values.shape[0]))),
        limits=limits,
        positives=positives,
        negatives=negatives,
        merit=merit,
    )
    if method == "dbm":
        return dbm(cells, flat, level=level)
    return obuchowski_rockette(cells, readers=readers, cases=cases, level=level)


def cells_of(study: Study, *, merit: Merit, covariance: CovarianceMethod = "delong") -> Cells:
    """Figure of merit of each reader in each modality, with their covariance.

    Raises
    ------
    UnbalancedStudy, MissingClass, ConfigError
        As :func:`analyse`.
    """
    refuse_unbalanced(study)
    flat = study.scores.reshape(-1, len(study.cases))
    works = np.flatnonzero(~np.isnan(flat).all(axis=1))
    some, part = covariance_of(study.truth, flat[works], merit, covariance)
    values = np.full(flat.shape[0], np.nan)
    values[works] = some
    full = np.zeros((flat.shape[0],) * 2)
    full[np.ix_(works, works)] = part
    return _cells(study, merit, values, full, covariance)


def _cells(study: Study, merit: Merit, values: np.ndarray, covariance: np.ndarray, name: str) -> Cells:
    shape = (len(study.modalities), len(study.readers))
    return Cells(
        values.reshape(shape),
        covariance,
        study.readers,
        study.modalities,
        study.design,
        merit.limits,
        study.positives,
        study.negatives,
        merit.name,
        name,
    )


def refuse_unbalanced(study: Study) -> None:
    """Raise :class:`UnbalancedStudy`, saying what is missing, where the readings form no balanced design."""
    if study.design != "unbalanced":
        return
    read = study.read
    missing = int((~read).sum())
    by_modality = np.asarray(read.any(axis=1))
    if not (by_modality == by_modality[0]).all():
        found = f"the modalities have different cases ({missing} of {read.size} readings are missing)"
    else:
        found = f"{missing} of {read.size} readings are missing"
    raise UnbalancedStudy(
        found,
        source=study.source,
        expected="every reader to read every case in every modality, or a nested design",
        hint="Use the U-statistics, which take missing readings, or only the cases that all readers read",
    )
