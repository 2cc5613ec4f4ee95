"""Tables 1 and 2: the paper's own counts come out as printed, and made-up answers as counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
from reader_studies import protocol

from usnet.readers.analysis.scores import ai_score, panel_decisions, panel_scores, reader_scores
from usnet.readers.analysis.table1 import by_sex, score_tests, table1
from usnet.readers.analysis.table2 import against, printed, with_intervals
from usnet.readers.analysis.tables import paper_tables
from usnet.readers.readings import AiOpinion, Case, Person, Read, StudyData
from usnet.statistics.rates import Counts

PAPER = {
    "AI": Counts(46, 5, 4, 45),
    "Expert group 1": Counts(44, 8, 6, 42),
    "Expert group 2": Counts(44, 7, 6, 43),
}
PRINTED = [
    ("AI", "92 (46/50)", "90 (45/50)", "90.2 (46/51)", "91.8 (45/49)", "91 (91/100)", "0.82"),
    ("Expert group 1", "88 (44/50)", "84 (42/50)", "84.6 (44/52)", "87.5 (42/48)", "86 (86/100)", "0.72"),
    ("Expert group 2", "88 (44/50)", "86 (43/50)", "86.3 (44/51)", "87.8 (43/49)", "87 (87/100)", "0.74"),
]


def test_table_2_of_the_paper_comes_out_as_printed() -> None:
    assert list(printed(PAPER).rows) == PRINTED


def test_its_intervals_and_tests_are_those_of_the_recheck() -> None:
    rows = with_intervals(PAPER).rows
    assert rows[0][1:3] == ("81.2-96.8", "78.6-95.7")
    assert rows[0][-1] == "0.71-0.93"
    assert [row[2] for row in against("AI", PAPER, {}).rows] == [".376", ".499"]


def made(
    scores: dict[int, tuple[str, str, float, int]], *, panels: dict[int, str] | None = None, ai: int = 91
) -> StudyData:
    """A study of 100 cases with readers (level, sex, years, points): the first ``points`` cases are right."""
    rules = protocol(
        cases={"training": 0, "strata": [{"name": n, "label": n, "count": 50} for n in ("benign", "malignant")]},
        panels=[{"name": n, "mode": "majority", "members": 3} for n in sorted(set((panels or {}).values()))],
    )
    cases = {
        f"C{i:03d}": Case(f"C{i:03d}", "test", "s", f"n{i}", "malignant" if i % 2 else "benign", ()) for i in range(100)
    }
    people, reads = {}, []
    for number, (level, sex, years, points) in scores.items():
        people[number] = Person(number, level, years, sex, "30-34", (panels or {}).get(number), "0", 100)
        for order, (name, case) in enumerate(cases.items()):
            right = (order + (7 * number if panels else 0)) % 100 < points
            decision = "malignant" if case.malignant == right else "benign"
            reads.append(_read(number, order, name, decision))
    opinions = {n: AiOpinion(c.malignant == (i < ai), 0.5, ()) for i, (n, c) in enumerate(cases.items())}
    model = {
        "name": "m",
        "sha256": "0" * 64,
        "point": {"name": "b", "detection": 0.5, "malignancy": 0.5, "origin": "."},
    }
    return StudyData(rules, "ended", people, cases, opinions, model, tuple(reads), {}, len(people))


def _read(number: int, order: int, case: str, decision: str, **changes: Any) -> Read:
    values: dict[str, Any] = {"probability": 80 if decision == "malignant" else 20, "birads": "4B", "marks": ()}
    values |= {"comment": "", "active_s": 5.0, "idle_s": 0.0, "away_s": 0.0, "open_s": 6.0, "hints": (), "time": ""}
    return Read(number, "unaided", 0, order, case, "test", decision, **(values | changes))


def test_table_1_counts_points_and_says_se_and_sd() -> None:
    data = made({1: ("RP", "female", 2, 60), 2: ("RP", "male", 4, 70), 3: ("CP", "female", 20, 80)})
    scores = reader_scores(data, "unaided")
    assert [s.points for s in scores.values()] == [60, 70, 80]
    rows = {row[0]: row for row in table1(data, scores, [], ai_score(data)).rows}
    assert rows["RP [0, 5) years"][1:9] == (
        2,
        "32.5 ± 0.00",
        "1/1",
        "3.0 ± 1.00",
        65.0,
        5.0,
        pytest.approx(7.0710678),
        "60-70",
    )
    assert rows["CP [15, 25) years"][5:8] == (80.0, None, None)  # one reader has no spread
    assert rows["AI"][5] == 91


def test_the_tests_of_the_scores_are_named() -> None:
    levels = ("RP", "AP", "ACP", "CP", "expert")
    data = made({i: (levels[i // 6], "female" if i % 2 else "male", 3.0, 55 + 5 * (i // 6) + i % 6) for i in range(30)})
    scores = reader_scores(data, "unaided")
    rows = {(row[0], row[1]): row for row in score_tests(data, scores, [], ai_score(data)).rows}
    trend = rows["do scores rise with the level", "Jonckheere-Terpstra, normal approximation"]
    assert trend[3] == "< .001"
    assert ("is the readers' mean the AI's score", "mean of the group against a fixed number (t)") in rows
    sexes = by_sex(data, scores).rows
    assert [row[0] for row in sexes] == [*levels, "all"]
    assert all("Mann-Whitney" in str(row[5]) for row in sexes)


def test_panels_vote_and_are_scored_as_one_reader() -> None:
    panels = {1: "A", 2: "A", 3: "A", 4: "B", 5: "B", 6: "B"}
    data = made(dict.fromkeys(panels, ("expert", "male", 30.0, 80)), panels=panels)
    decisions = panel_decisions(data, "unaided")
    assert set(decisions) == {"A", "B"}
    by_hand = {}
    for case in data.cases:
        votes = [r.malignant for r in data.reads if r.case == case and panels[r.reader] == "A"]
        by_hand[case] = sum(votes) >= 2
    assert decisions["A"] == by_hand
    right = sum(said == data.cases[c].malignant for c, said in by_hand.items())
    assert next(s.points for s in panel_scores(data, "unaided")) == right


def test_everything_prints() -> None:
    panels = {1: "A", 2: "A", 3: "A", 4: "B", 5: "B", 6: "B"}
    shown = paper_tables(made({n: ("expert", "male", 30.0, 80 + n) for n in panels}, panels=panels))
    for words in ("Table 1. Scores", "Table 2. Diagnostic performance", "AI v A", "McNemar", "91 (91/100)"):
        assert words in shown


def test_missing_readings_are_left_out_of_the_points() -> None:
    from dataclasses import replace

    data = made({1: ("RP", "female", 2, 60), 2: ("RP", "male", 2, 60)})
    data = replace(data, reads=tuple(r for r in data.reads if not (r.reader == 1 and r.order >= 50)))
    scores = reader_scores(data, "unaided")
    assert (scores[1].read, scores[1].right, scores[1].points) == (50, 50, 100.0)
    assert scores[2].points == 60
