from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from usnet.errors import ConfigError, DataError
from usnet.statistics.mrmc import Reading, Study, analyse, read_study, simulate_study, ustatistics, write_study
from usnet.statistics.mrmc.study import DuplicateReading, MissingClass, UnbalancedStudy, UnknownTruth


def readings(study: Study) -> list[Reading]:
    return list(study.rows())


def same(one: Study, other: Study) -> bool:
    first, second = sorted(one.rows()), sorted(other.rows())
    scores = [[row.score for row in rows] for rows in (first, second)]
    return [r[:4] for r in first] == [r[:4] for r in second] and scores[0] == pytest.approx(scores[1], rel=1e-14)


def test_a_study_cannot_be_changed() -> None:
    study = simulate_study(readers=3, positives=4, negatives=5)
    with pytest.raises(ValueError, match="read-only"):
        study.scores[0, 0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.readers = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    "design", ["factorial", "readers nested in modality", "cases nested in reader", "cases nested in modality"]
)
def test_designs_are_recognised(design: str) -> None:
    study = simulate_study(readers=3, positives=4, negatives=5, design=design)
    assert study.design == design
    assert Study.from_readings(study.rows()).design == design
    damaged = readings(study)[1:]
    assert Study.from_readings(damaged).design == "unbalanced"


def test_simulated_studies_repeat_and_hit_their_expectation() -> None:
    one, two = simulate_study(seed=4), simulate_study(seed=4)
    assert np.array_equal(one.scores, two.scores)
    assert not np.array_equal(one.scores, simulate_study(seed=5).scores)
    from usnet.statistics.mrmc.synthetic import STRUCTURES

    for model in STRUCTURES.values():
        big = simulate_study(model, readers=40, positives=400, negatives=400, seed=7)
        assert analyse(big).values.mean() == pytest.approx(model.auc(), abs=0.03)
    levels = simulate_study(levels=5, seed=1).scores
    assert set(np.unique(levels)) == {1, 2, 3, 4, 5}
    missing = simulate_study(readers=10, missing=0.25, seed=1)
    assert missing.read.mean() == pytest.approx(0.75, abs=0.04)
    with pytest.raises(ConfigError):
        simulate_study(design="cases nested in reader", missing=0.1)


def test_two_readings_of_a_case_are_refused() -> None:
    rows = readings(simulate_study(readers=2, positives=2, negatives=2))
    with pytest.raises(DuplicateReading, match=r"row 17.*read case 'C1' twice in 'M1'"):
        Study.from_readings([*rows, rows[0]], "here")


def test_truth_must_be_one_thing() -> None:
    rows = readings(simulate_study(readers=2, positives=2, negatives=2))
    with pytest.raises(UnknownTruth, match="two truths"):
        Study.from_readings([*rows[:-1], rows[-1]._replace(truth=not rows[-1].truth)])
    with pytest.raises(MissingClass, match="without"):
        Study.from_readings([r for r in rows if r.truth])


def test_nan_is_no_score() -> None:
    rows = readings(simulate_study(readers=2, positives=2, negatives=2))
    with pytest.raises(DataError, match="not a number"):
        Study.from_readings([*rows[:-1], rows[-1]._replace(score=float("nan"))])


def test_names_and_shapes_are_checked() -> None:
    study = simulate_study(readers=2, positives=2, negatives=2)
    with pytest.raises(DataError, match="named twice"):
        dataclasses.replace(study, readers=("R1", "R1"))
    with pytest.raises(DataError, match="shape"):
        dataclasses.replace(study, scores=study.scores[:, :1])
    with pytest.raises(DataError, match="no reader 'nobody'"):
        study.select(readers=["nobody"])
    with pytest.raises(DataError):
        Study.from_readings([])


def test_modalities_with_different_cases_name_the_way_out() -> None:
    study = simulate_study(readers=3, positives=6, negatives=6, seed=2)
    rows = [r for r in study.rows() if not (r.modality == "M2" and r.case in ("C1", "C12"))]
    cut = Study.from_readings(rows)
    with pytest.raises(UnbalancedStudy, match=r"different cases.*U-statistics"):
        analyse(cut)
    assert len(cut.complete().cases) == 10
    assert analyse(cut.complete()).test is not None
    assert ustatistics(cut).missing == 6


def test_a_reader_without_a_class_is_refused() -> None:
    study = simulate_study(readers=3, positives=1, negatives=6)
    with pytest.raises(MissingClass, match="fewer than two cases with"):
        analyse(study)
    with pytest.raises(MissingClass):
        ustatistics(study)
    with pytest.raises(UnbalancedStudy, match="one reader"):
        analyse(simulate_study(readers=1))
    with pytest.raises(UnbalancedStudy, match="one reader"):
        ustatistics(simulate_study(readers=1))


@pytest.mark.parametrize("layout", ["csv", "imrmc", "mrmcaov", "rjafroc"])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_files_give_back_what_was_written(tmp_path: Path, layout: str, missing: float) -> None:
    study = simulate_study(readers=3, positives=5, negatives=6, missing=missing, seed=3)
    path = tmp_path / f"study.{ {'rjafroc': 'xlsx', 'imrmc': 'imrmc'}.get(layout, 'csv') }"
    write_study(study, path, layout)
    assert same(read_study(path), study)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


IMRMC = """A study
N0:2
N1:1
BEGIN DATA:
truth,a,truth,0
truth,b,truth,0
truth,c,truth,1
r1,a,m1,1
r1,b,m1,2
r1,c,m1,3
"""


def test_imrmc_files_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "s.imrmc"
    assert read_study(write(path, IMRMC)).scores.tolist() == [[[1, 2, 3]]]
    with pytest.raises(DataError, match="N1 is announced as 7"):
        read_study(write(path, IMRMC.replace("N1:1", "N1:7")))
    with pytest.raises(DataError, match="BEGIN DATA"):
        read_study(write(path, "r1,a,m1,1\n"))
    with pytest.raises(UnknownTruth, match=r"row 10: case 'd' has no truth"):
        read_study(write(path, IMRMC.replace("r1,c,", "r1,d,")))
    with pytest.raises(UnknownTruth, match="unknown truth '2'"):
        read_study(write(path, IMRMC.replace("truth,c,truth,1", "truth,c,truth,2")))
    with pytest.raises(DuplicateReading, match="row 11: reader 'r1' read case 'c' twice"):
        read_study(write(path, IMRMC + "r1,c,m1,3\n"))
    with pytest.raises(DataError, match="row 8: score 'x'"):
        read_study(write(path, IMRMC.replace("r1,a,m1,1", "r1,a,m1,x")))


def test_csv_files_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    good = "Reader,ARM,Case,Truth,Rating\nr,m,a,0,1\nr,m,b,malignant,2\n\n"
    assert read_study(write(path, good)).positives == 1
    with pytest.raises(DataError, match="no column truth"):
        read_study(write(path, good.replace("Truth", "wahr")))
    assert read_study(path, {"truth": "wahr"}).positives == 1
    with pytest.raises(DataError, match=r"s\.csv, row 3: score 'nan'"):
        read_study(write(path, good.replace("malignant,2", "malignant,nan")))
    with pytest.raises(UnknownTruth, match="row 3: unknown truth 'maybe'"):
        read_study(write(path, good.replace("malignant", "maybe")))
    with pytest.raises(DataError, match="no reader"):
        read_study(write(path, good.replace("r,m,a", ",m,a")))
    with pytest.raises(DataError, match="empty"):
        read_study(write(path, ""))
    with pytest.raises(DuplicateReading, match="row 5: reader 'r'"):
        read_study(write(path, good + "r,m,a,0,1\n"))
    with pytest.raises(UnknownTruth, match="row 5: case 'a' has two truths"):
        read_study(write(path, good + "q,m,a,1,1\n"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="no text"):
        read_study(tmp_path / "binary.csv")
    with pytest.raises(DataError, match="cannot be opened"):
        read_study(tmp_path / "nothing.csv")


def test_free_response_workbook_gives_the_highest_mark(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheets = {
        "TP": [("ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"), (1, 1, 7, 1, 3), (1, 1, 7, 2, 5)],
        "FP": [("ReaderID", "ModalityID", "CaseID", "FP_Rating"), (1, 1, 7, 4), (2, 1, 8, 2)],
        "TRUTH": [
            ("CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"),
            (7, 1, 0.5, "1, 2", "1", "FROC"),
            (7, 2, 0.5, "1, 2", "1", "FCTRL"),
            (8, 0, 0, "1, 2", "1", None),
        ],
    }
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    path = tmp_path / "froc.xlsx"
    book.save(path)
    study = read_study(path).select(readers=["1", "2"], cases=["7", "8"])
    assert study.truth.tolist() == [True, False]
    assert study.scores.tolist() == [[[5, -np.inf], [-np.inf, 2]]]
    book["TRUTH"]["F2"], book["TRUTH"]["F3"] = "ROC", None
    book.save(path)
    with pytest.raises(DuplicateReading):
        read_study(path)
    (tmp_path / "no.xlsx").write_text("no workbook")
    with pytest.raises(DataError, match="cannot be read as xlsx"):
        read_study(tmp_path / "no.xlsx")
