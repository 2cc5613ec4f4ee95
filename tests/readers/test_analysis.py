"""What the paper lacks: arms, the model against readers, reliance, missing readings, boxes, times, exports and the report."""

from __future__ import annotations

import csv
import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reader_studies import protocol

from usnet.readers.analysis.behaviour import difficulty, learning_grid, repeats_grid, time_grid
from usnet.readers.analysis.effects import reliance
from usnet.readers.analysis.marks import froc_grid, mark_study
from usnet.readers.analysis.strata import strata_grid
from usnet.readers.analysis.study import ai_grid, arms_grid, compare_arms, missing, missing_grid, mrmc_study
from usnet.readers.readings import AiOpinion, Case, Person, Read, StudyData
from usnet.readers.report.exports import CODEBOOK, write_exports
from usnet.statistics.mrmc import analyse, read_study

ARMS = ("unaided", "aided")


def crossed(readers: int = 6, cases: int = 40, help_: float = 1.5, seed: int = 1, boxes: bool = False) -> StudyData:
    """Readers who are better with the model by ``help_``; the model is wrong in every fifth case and readers lean on it."""
    rng = random.Random(seed)
    half = cases // 2
    rules = protocol(
        cases={
            "training": 0,
            "repeats": 4,
            "repeat_gap": 4,
            "strata": [{"name": n, "label": n, "count": half} for n in ("benign", "malignant")],
        },
        design={"kind": "crossover", "arms": list(ARMS)},
        questions={"boxes": boxes},
        ai={"bundle": "x"},
    )
    made = {}
    for i in range(cases):
        box = ((20.0, 20.0, 30.0, 30.0),)
        made[f"C{i:03d}"] = Case(f"C{i:03d}", "test", "s", f"n{i}", "malignant" if i % 2 else "benign", box)
    ai = {
        n: AiOpinion(c.malignant == (i % 5 != 0), (0.8 if c.malignant == (i % 5 != 0) else 0.2), ())
        for i, (n, c) in enumerate(made.items())
    }
    levels = ("RP", "AP", "expert")
    people = {n: Person(n, levels[n % 3], 3.0, "female", "30-34", None, "01", cases) for n in range(1, readers + 1)}
    reads = []
    for number in people:
        for period, arm in enumerate(ARMS):
            order = list(made)
            rng.shuffle(order)
            for position, name in enumerate([*order, *order[:4]]):
                truth = 1 if made[name].malignant else -1
                lean = help_ * (1 if ai[name].malignant else -1) if arm == "aided" else 0.0
                seen = 0.8 * truth + lean + rng.gauss(0, 1)
                p = int(np.clip(50 + 20 * seen, 0, 100))
                marks = ((22.0, 22.0, 28.0, 28.0, p),) if boxes and seen > 0 else ()
                use = "test" if position < cases else "repeat"
                reads.append(
                    Read(number, arm, period, position, name, use, "malignant" if seen > 0 else "benign", p, "4A", marks, "",
                         10.0 - 0.05 * position, 1.0, 0.5, 12.0, (), "2026-01-01")
                )  # fmt: skip
    model = {
        "name": "m",
        "sha256": "0" * 64,
        "point": {"name": "b", "detection": 0.5, "malignancy": 0.5, "origin": "val"},
    }
    return StudyData(rules, "ended", people, made, ai, model, tuple(reads), {9: "withdrew"}, readers + 1, "2026-01-01")


def test_arms_compared_are_the_analysis_of_the_exported_study(tmp_path: Path) -> None:
    data = crossed()
    found = compare_arms(data)
    assert [one.group for one in found] == ["all", "RP", "AP", "expert"]
    (row, *_) = arms_grid(found).rows
    write_exports(data, tmp_path)
    for name in ("study.imrmc", "study-rjafroc.xlsx", "study-mrmcaov.csv"):
        study = read_study(tmp_path / name)
        result = analyse(study)
        assert result.differences[0].value == pytest.approx(row[5], abs=1e-12), name
        assert set(study.modalities) == {"unaided", "aided"}
        assert study.readings == 2 * 6 * 40
        assert np.array_equal(np.sort(study.scores, axis=None), np.sort(mrmc_study(data, ARMS).scores, axis=None))
    assert found[0].gappy is None  # nothing is missing


def test_missing_readings_are_counted_and_analysed_by_u_statistics() -> None:
    data = crossed()
    gone = replace(
        data, reads=tuple(r for r in data.reads if not (r.reader == 2 and r.modality == "aided" and r.order > 10))
    )
    one = missing(gone, "aided")
    assert (one.due, one.made, len(one.complete)) == (240, 240 - 29, 5)
    assert missing_grid(gone).rows[1][-1] == 29
    whole = compare_arms(gone)[0]
    assert whole.readers == 5
    assert whole.gappy is not None
    assert whole.gappy.missing == 29
    methods = {row[0]: row[-1] for row in arms_grid([whole]).rows}
    assert methods == {"all": "U-statistics, missing readings"}  # the second row of the group


def test_the_model_against_readers_and_levels() -> None:
    grid, results = ai_grid(crossed(), "unaided")
    assert [row[0] for row in grid.rows] == ["all", "RP", "AP", "expert"]
    assert results[0].method.startswith("1T-RRRC")
    assert grid.rows[0][2] == pytest.approx(results[0].ai_value)


def test_strata_are_scored_apart() -> None:
    data = crossed()
    strata = {name: replace(case, stratum=case.label) for name, case in data.cases.items()}
    rows = strata_grid(replace(data, cases=strata)).rows
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (label, 20, arm) for label in ("benign", "malignant") for arm in ARMS
    ]
    for label, _, arm, n, mean, *_, model in rows:
        own = [
            r.malignant == data.cases[r.case].malignant for r in data.of(str(arm)) if data.cases[r.case].label == label
        ]
        assert n == 6
        assert mean == pytest.approx(100 * sum(own) / len(own))
        assert (
            model == f"{sum(data.ai[c].malignant == k.malignant for c, k in data.cases.items() if k.label == label)}/20"
        )


def test_reliance_is_split_by_whether_the_model_is_right() -> None:
    (grid,) = reliance(crossed())
    rows = {row[0]: row for row in grid.rows}
    assert rows["AI right"][5] > 0
    assert rows["AI wrong"][5] < 0  # led astray
    assert rows["AI right"][1] + rows["AI wrong"][1] == rows["all cases"][1] == 40
    data = crossed()
    pairs = {(r.reader, r.case): r.malignant for r in data.reads if r.modality == "unaided" and r.use == "test"}
    misled = sum(
        pairs[r.reader, r.case] == data.cases[r.case].malignant != r.malignant
        for r in data.of("aided")
        if data.ai[r.case].malignant != data.cases[r.case].malignant
    )
    assert rows["AI wrong"][8].startswith(f"{misled}/")


def test_time_learning_and_repeats() -> None:
    data = crossed()
    assert {row[0] for row in time_grid(data).rows} == set(ARMS)
    slopes = {(row[0], row[1]): row for row in learning_grid(data).rows}
    assert all(row[3] < 0 for (_, title), row in slopes.items() if title.startswith("log active"))
    for row in repeats_grid(data).rows:
        assert row[1:3] == (6, 24)
    hard = difficulty(data, "aided")
    assert hard == sorted(hard, key=lambda row: (row[2] / row[3], row[0]))
    assert hard[0][4] is False  # where the model is wrong, readers who lean on it are too


def test_boxes_give_a_free_response_analysis() -> None:
    assert mark_study(crossed()) is None
    study = mark_study(crossed(boxes=True))
    assert study is not None
    grid, result = froc_grid(study)
    assert result is not None
    assert len(grid.rows) == 3
    first = study.marks["unaided", "R001"]
    assert first.false_case.size == 0  # every box lies on its nodule
    assert 0 < np.isfinite(first.lesion_rating).mean() < 1


def test_the_long_table_is_what_the_codebook_says(tmp_path: Path) -> None:
    data = crossed()
    write_exports(data, tmp_path)
    with (tmp_path / "readings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(CODEBOOK)
    assert len(rows) == len(data.reads) + 40
    assert sum(row["kind"] == "ai" for row in rows) == 40
    assert all(row["correct"] == str(int((row["decision"] == "malignant") == (row["truth"] == "1"))) for row in rows)
    document = json.loads((tmp_path / "readings.json").read_text(encoding="utf-8"))
    assert len(document["readings"]) == len(rows)
    assert document["excluded"] == {"9": "withdrew"}


def test_the_report_holds_every_part_and_names_who_was_excluded(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra evaluate is not installed")
    from usnet.readers.report import write_report

    paths = write_report(crossed(boxes=True), tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    for words in (
        *(
            "Table 1",
            "Table 2",
            "Arms compared",
            "1T-RRRC",
            "Reliance on the model",
            "wAFROC1",
            "Agreement of readers with themselves",
        ),
        *("hardest cases", "Learning over the position", "STARD-AI", "withdrew", "<svg"),
    ):
        assert page.count(words), words
    assert all(path.stat().st_size for path in paths)
    assert {p.name for p in (tmp_path / "report" / "figures").iterdir()} >= {"roc-1.svg", "roc-2.png", "reliance.svg"}
    assert page.count("<script") == 0
    assert re.findall(r'(?:src|href)="https?://|url\(https?://', page) == []
