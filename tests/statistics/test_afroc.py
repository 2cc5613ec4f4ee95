from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.errors import DataError
from usnet.statistics.afroc import FIGURES_OF_MERIT, Marks, figure_of_merit, jackknife
from usnet.statistics.marks_files import MarkStudy, read_marks
from usnet.statistics.mrmc import analyse_jackknife
from usnet.statistics.roc import auc


def random_marks(seed: int, cases: int = 14) -> Marks:
    """Half of the cases normal, one to three lesions in the rest, ratings with ties, some unmarked."""
    rng = np.random.default_rng(seed)
    lesions = np.where(np.arange(cases) % 2, rng.integers(1, 4, cases), 0)
    case = np.repeat(np.arange(cases), lesions)
    raw = rng.uniform(0.2, 1, case.size)
    weight = raw / np.bincount(case, weights=raw, minlength=cases)[case]
    rating = np.where(rng.random(case.size) < 0.7, rng.integers(1, 6, case.size).astype(float), -np.inf)
    false = rng.integers(0, cases, 15)
    return Marks(lesions, case, weight, rating, false, rng.integers(1, 6, 15).astype(float))


def by_definition(m: Marks, every_case: bool, weighted: bool) -> float:
    """wAFROC and AFROC straight from the double sum."""
    false = m.highest_false()
    chosen = [c for c in range(m.lesions.size) if every_case or m.lesions[c] == 0]
    total = 0.0
    for c in chosen:
        for lesion, rating in enumerate(m.lesion_rating):
            psi = 1.0 if false[c] < rating else 0.5 if false[c] == rating else 0.0
            total += psi * (m.weight[lesion] if weighted else 1.0)
    return total / len(chosen) / ((m.lesions > 0).sum() if weighted else m.lesion_rating.size)


@settings(max_examples=60)
@given(st.integers(0, 100_000))
def test_figures_are_their_definitions(seed: int) -> None:
    marks = random_marks(seed)
    kinds = {"wAFROC": (False, True), "AFROC": (False, False), "wAFROC1": (True, True), "AFROC1": (True, False)}
    for name, kind in kinds.items():
        assert figure_of_merit(marks, name) == pytest.approx(by_definition(marks, *kind), abs=1e-12)
    found = marks.lesion_rating
    pairs = (found[:, None] > marks.false_rating) + 0.5 * (found[:, None] == marks.false_rating)
    assert figure_of_merit(marks, "FROC") == pytest.approx(pairs.sum() / found.size / marks.lesions.size, abs=1e-12)
    finite = np.where(np.isinf(marks.highest()), -1, marks.highest())
    assert figure_of_merit(marks, "HrAuc") == pytest.approx(auc(marks.diseased, finite).value)


@given(st.integers(0, 100_000))
def test_a_monotone_scale_and_other_names_change_nothing(seed: int) -> None:
    m = random_marks(seed)
    order = np.random.default_rng(seed).permutation(m.lesions.size)
    new = np.argsort(order)
    lesion = np.random.default_rng(seed + 1).permutation(m.weight.size)
    moved = Marks(
        m.lesions[order],
        new[m.lesion_case][lesion],
        m.weight[lesion],
        np.where(np.isinf(m.lesion_rating), -np.inf, 3 * m.lesion_rating + 7)[lesion],
        new[m.false_case],
        3 * m.false_rating + 7,
    )
    for name in FIGURES_OF_MERIT:
        assert figure_of_merit(moved, name) == pytest.approx(figure_of_merit(m, name), abs=1e-12)


def test_one_lesion_a_case_makes_all_afrocs_alike_and_one_mark_a_case_makes_them_roc() -> None:
    rng = np.random.default_rng(2)
    lesions = np.array([0] * 10 + [1] * 8)
    case = np.arange(10, 18)
    hit, false = rng.integers(1, 6, 8).astype(float), rng.integers(1, 6, 10).astype(float)
    marks = Marks(lesions, case, np.ones(8), hit, np.arange(10), false)
    roc = auc(lesions > 0, np.concatenate([false, hit])).value
    for name in ("wAFROC", "AFROC", "HrAuc"):
        assert figure_of_merit(marks, name) == pytest.approx(roc)


def test_a_reader_who_marks_nothing_scores_one_half() -> None:
    marks = Marks(
        np.array([0, 0, 2]), np.array([2, 2]), np.array([0.5, 0.5]), np.full(2, -np.inf), np.zeros(0, int), np.zeros(0)
    )
    assert {figure_of_merit(marks, n) for n in ("wAFROC", "AFROC", "wAFROC1", "HrAuc")} == {0.5}
    assert {figure_of_merit(marks, n) for n in ("MaxLLF", "MaxNLF", "FROC")} == {0.0}


def test_without_normal_cases_or_lesions_there_is_no_figure() -> None:
    ill = Marks(np.array([1, 1]), np.array([0, 1]), np.ones(2), np.array([3.0, 2.0]), np.array([0]), np.array([1.0]))
    assert figure_of_merit(ill, "wAFROC") is None
    assert figure_of_merit(ill, "wAFROC1") is not None
    well = Marks(np.array([0, 0]), np.zeros(0, int), np.zeros(0), np.zeros(0), np.array([0]), np.array([1.0]))
    assert figure_of_merit(well, "MaxNLF") == 0.5
    assert figure_of_merit(well, "HrAuc") is None
    assert np.isnan(jackknife(well, "HrAuc")).all()


def test_bad_marks_are_refused() -> None:
    good = (np.array([0, 1]), np.array([1]), np.ones(1), np.array([2.0]), np.array([0]), np.array([1.0]))
    with pytest.raises(ValueError, match="unknown figure"):
        figure_of_merit(Marks(*good), "AUC")  # type: ignore[arg-type]
    for place, value, text in (
        (2, np.array([0.4]), "sum to 1"),
        (3, np.array([np.nan]), "NaN"),
        (1, np.array([0]), "number"),
    ):
        with pytest.raises(ValueError, match=text):
            Marks(*(value if i == place else part for i, part in enumerate(good)))


def tables(folder: Path, **changes: str) -> dict[str, Path]:
    """Three small CSV files, one of them changed."""
    texts = {
        "marks": "modality,reader,case,lesion_hit,rating\na,r,c1,0,1\na,r,c2,1,4\n",
        "lesions": "case,lesion\nc2,1\nc2,2\n",
        "cases": "case,diseased\nc1,0\nc2,1\n",
    } | changes
    paths = {name: folder / f"{name}.csv" for name in texts}
    for name, path in paths.items():
        path.write_text(texts[name])
    return paths


def test_files_of_marks(tmp_path: Path) -> None:
    study = read_marks(**tables(tmp_path))
    assert study.first.weight.tolist() == [0.5, 0.5]
    assert figure_of_merit(study.first, "wAFROC") == 0.5


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"marks": "modality,reader,case,lesion_hit,rating\na,r,c9,0,1\n"}, r"marks.csv, row 2: unknown case 'c9'"),
        ({"marks": "modality,reader,case,lesion_hit,rating\na,r,c2,3,1\n"}, r"row 2: case 'c2' has no lesion '3'"),
        ({"marks": "modality,reader,case,lesion_hit,rating\na,r,c2,1,nan\n"}, r"row 2: rating 'nan'"),
        ({"marks": "modality,reader,case,lesion_hit,rating\na,r,c2,1,2\na,r,c2,1,3\n"}, r"row 3: .* marked twice"),
        ({"marks": "reader,case,lesion_hit,rating\nr,c2,1,2\n"}, r"no column 'modality'"),
        ({"cases": "case,diseased\nc1,0\nc2,maybe\n"}, r"cases.csv, row 3: unknown truth 'maybe'"),
        ({"cases": "case,diseased\nc1,1\nc2,1\n"}, r"diseased without a lesion"),
        ({"lesions": "case,lesion\nc2,1\nc2,1\n"}, r"lesions.csv, row 2: .* listed twice"),
        ({"lesions": "case,lesion,weight\nc2,1,0.2\nc2,2,0.2\n"}, r"sum to 1"),
    ],
)
def test_bad_files_name_file_and_row(tmp_path: Path, changes: dict[str, str], text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_marks(**tables(tmp_path, **changes))


def test_marks_alone_are_not_enough(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="what was missed"):
        read_marks(tables(tmp_path)["marks"])


def dataset04(shared: Path) -> tuple[MarkStudy, dict[str, Any]]:
    stem = shared / "stats/froc/dataset04"
    study = read_marks(f"{stem}_marks.csv", f"{stem}_lesions.csv", f"{stem}_truth.csv")
    return study, json.loads(Path(f"{stem}_expected_RJafroc.json").read_text())


@pytest.mark.reference
def test_rjafroc_figures_of_merit(shared: Path) -> None:
    study, expected = dataset04(shared)
    for name in FIGURES_OF_MERIT:
        assert study.values(name) == pytest.approx(np.array(expected["fom"][name]), rel=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize("method", ["or", "dbm"])
@pytest.mark.parametrize("name", ["wAFROC", "AFROC", "wAFROC1", "HrAuc"])
def test_rjafroc_analysis_of_variance(shared: Path, name: str, method: str) -> None:
    study, expected = dataset04(shared)
    want = expected["st"][f"{name}_{method.upper()}"]["RRRC"]
    result = analyse_jackknife(study.values(name), study.without(name), method=method, limits=None)
    components = {row["_row"]: row["Estimates"] for row in expected["st"][f"{name}_OR"]["ANOVA"]["VarCom"]}
    ours = result.components
    found = {"VarR": ours.reader, "VarTR": ours.modality_reader, "Var": ours.error}
    found |= {"Cov1": ours.cov1, "Cov2": ours.cov2, "Cov3": ours.cov3}
    assert found == pytest.approx(components, rel=1e-9, abs=1e-14)
    cases = len(study.cases)  # pseudovalue components of DBM, from those of the figures of merit
    dbm = {
        "VarC": cases * ours.cov3,
        "VarTC": cases * (ours.cov2 - ours.cov3),
        "VarRC": cases * (ours.cov1 - ours.cov3),
        "VarErr": cases * (ours.error - ours.cov1 - ours.cov2 + ours.cov3),
    }
    rows = {row["_row"]: row["Estimates"] for row in expected["st"][f"{name}_DBM"]["ANOVA"]["VarCom"]}
    assert dbm == pytest.approx({key: rows[key] for key in dbm}, rel=1e-8)
    test = want["FTests"][0]
    assert [result.test.statistic, result.test.df1, result.test.p] == pytest.approx(
        [test["FStat"], test["DF"], test["p"]], rel=1e-8
    )
    assert result.test.df2 == pytest.approx(want["FTests"][1]["DF"], rel=1e-8)
    for ours, row in zip(result.differences, want["ciDiffTrt"], strict=True):
        theirs = [row["Estimate"], row["StdErr"], row["DF"], row["PrGTt"]]
        assert [ours.value, ours.standard_error, ours.df, ours.p] == pytest.approx(theirs, rel=1e-8, abs=1e-12)
        limits = [row["CILower"], row["CIUpper"]]
        assert [ours.interval.low, ours.interval.high] == pytest.approx(limits, abs=1e-8)
    for ours, row in zip(result.means, want["ciAvgRdrEachTrt"], strict=True):
        assert [ours.value, ours.standard_error] == pytest.approx([row["Estimate"], row["StdErr"]], rel=1e-8)
        assert [ours.interval.low, ours.interval.high] == pytest.approx([row["CILower"], row["CIUpper"]], abs=1e-8)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["wAFROC", "AFROC", "wAFROC1", "HrAuc"])
def test_rjafroc_sums_of_squares_and_single_modalities(shared: Path, name: str) -> None:
    study, expected = dataset04(shared)
    want = expected["st"][f"{name}_OR"]["ANOVA"]
    values = study.values(name)
    modality, reader = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    grand = values.mean()
    squares = {
        "T": values.shape[1] * ((modality - grand) ** 2).sum(),
        "R": values.shape[0] * ((reader - grand) ** 2).sum(),
        "TR": ((values - modality - reader + grand) ** 2).sum(),
    }
    assert squares == pytest.approx({row["_row"]: row["SS"] for row in want["TRanova"]}, rel=1e-8)
    result = analyse_jackknife(values, study.without(name), limits=None)
    m, r = values.shape
    covariance = result.covariance.reshape(m, r, m, r)
    pairs = ~np.eye(r, dtype=bool)
    for i, row in enumerate(want["IndividualTrt"]):
        block = covariance[i, :, i, :]
        ours = [values[i].var(ddof=1), np.diag(block).mean(), block[pairs].mean()]
        assert ours == pytest.approx([row["msREachTrt"], row["varEachTrt"], row["cov2EachTrt"]], rel=1e-8)
    pairs = ~np.eye(m, dtype=bool)
    for j, row in enumerate(want["IndividualRdr"]):
        block = covariance[:, j, :, j]
        ours = [values[:, j].var(ddof=1), np.diag(block).mean(), block[pairs].mean()]
        assert ours == pytest.approx([row["msTEachRdr"], row["varEachRdr"], row["cov1EachRdr"]], rel=1e-8)


@pytest.mark.reference
def test_an_xlsx_of_rjafrocs_layout_reads_like_the_csv(shared: Path, tmp_path: Path) -> None:
    from openpyxl import Workbook

    study, _ = dataset04(shared)
    stem = shared / "stats/froc/dataset04"
    book = Workbook()
    truth, tp, fp = book.active, book.create_sheet("TP"), book.create_sheet("FP")
    truth.title = "TRUTH"
    truth.append(["CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"])
    tp.append(["ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"])
    fp.append(["ReaderID", "ModalityID", "CaseID", "FP_Rating"])

    def rows(name: str) -> list[dict[str, str]]:
        with Path(f"{stem}_{name}.csv").open() as stream:
            return list(csv.DictReader(stream))

    for row in rows("truth"):
        if row["n_lesions"] == "0":
            truth.append([int(row["case"]), 0, 0, "1,2,3,4", "1,2,3,4,5", "FROC"])
    for row in rows("lesions"):
        truth.append([int(row["case"]), int(row["lesion"]), float(row["weight"]), "1,2,3,4", "1,2,3,4,5", "FROC"])
    for row in rows("marks"):
        key = [int(row[c]) for c in ("reader", "modality", "case")]
        if row["lesion_hit"] == "0":
            fp.append([*key, float(row["rating"])])
        else:
            tp.append([*key, int(row["lesion_hit"]), float(row["rating"])])
    book.save(tmp_path / "study.xlsx")
    again = read_marks(tmp_path / "study.xlsx")
    by_name = {(m, r): figure_of_merit(again.marks[m, r]) for m in again.modalities for r in again.readers}
    for (m, r), marks in study.marks.items():
        assert by_name[m, r] == pytest.approx(figure_of_merit(marks), rel=1e-6)
