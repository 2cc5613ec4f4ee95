"""The table: who wins stands first, differences are paired, p values know of the number of rivals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.opinions import study
from usnet.comparators.method import Named
from usnet.comparators.running import Cost, Result
from usnet.comparators.scores import MEASURES, Row, table
from usnet.datasets.records import Dataset
from usnet.evaluation.subgroups import small
from usnet.reports.comparison_methods import methods_outcome
from usnet.reports.statistics import as_json, latex, text
from usnet.values import Diagnosis, Failure, ModelIdentity

pytestmark = pytest.mark.train


def _result(name: str, said: list[Diagnosis], dataset: Dataset, told: str = "") -> Result:
    names = {r.file_name.removesuffix(".png"): r.file_name for r in dataset.records}
    model = ModelIdentity(name, name.ljust(64, "0"))
    opinions = tuple(replace(d, image_id=names[d.image_id], model=model) for d in said)
    return Result(Named(name, name, "detector", told), opinions, Cost(0.5, 1000))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    dataset, weak = study(240, skill=0.3)
    _, strong = study(240, skill=3.0)
    _, chance = study(240, skill=0.0)
    results = [
        _result("usnet", weak, dataset),
        _result("guess", chance, dataset),
        _result("better", strong, dataset),
        _result("told", strong, dataset, "true boxes"),
        _result("same", weak, dataset),
    ]
    return table(dataset, results, bootstrap=200)


def _row(rows: list[Row], name: str) -> Row:
    return next(r for r in rows if r.method.name == name)


def test_a_rival_that_wins_stands_first(rows: list[Row]) -> None:
    assert {rows[0].method.name, rows[1].method.name} == {"better", "told"}
    assert "AUC" in rows[0].wins
    assert not _row(rows, "guess").wins
    assert not _row(rows, "usnet").against


def test_the_same_opinions_do_not_differ(rows: list[Row]) -> None:
    same = _row(rows, "same")
    for measure, against in same.against.items():
        assert against.difference == 0, measure
    assert not same.wins


def test_p_is_adjusted_for_the_number_of_rivals(rows: list[Row]) -> None:
    raw = sorted(a.p for r in rows if (a := r.against.get("AUC")) and a.p is not None)
    least = min(a.adjusted for r in rows if (a := r.against.get("AUC")) and a.adjusted is not None)
    assert least == pytest.approx(min(1.0, 4 * raw[0]))


def test_who_is_told_the_boxes_has_no_average_precision(rows: list[Row]) -> None:
    told, better = _row(rows, "told"), _row(rows, "better")
    assert told.numbers["AP50"].value is None
    assert told.numbers["AUC"] == better.numbers["AUC"]
    assert better.numbers["AP50"].value is not None
    assert set(better.numbers) == set(MEASURES)
    assert "wrong boxes a normal image" in better.against


def test_images_without_an_opinion_are_left_out_of_both() -> None:
    dataset, said = study(120)
    rival = _result("shy", said, dataset)
    shy = replace(rival, results=(Failure("x", "no opinion"), *rival.results[1:]))
    rows = table(dataset, [_result("usnet", said, dataset), shy], bootstrap=0)
    assert _row(rows, "shy").images == 119
    assert _row(rows, "usnet").images == 120
    assert _row(rows, "shy").against["AUC"].difference == 0


def test_a_rival_that_overlooks_small_nodules_is_told_so() -> None:
    """Nothing else is taken from it, and images without a small nodule do not count."""
    dataset, said = study(240)
    tiny = {r.file_name.removesuffix(".png") for r in dataset.records if small(r)}
    assert 10 < len(tiny) < 200
    blind = [replace(d, candidates=(), findings=()) if d.image_id in tiny else d for d in said]
    rows = table(dataset, [_result("usnet", said, dataset), _result("blind", blind, dataset)], bootstrap=200)
    mine, theirs = (_row(rows, name).numbers["small nodules found"] for name in ("usnet", "blind"))
    assert theirs.value == 0
    assert mine.value is not None
    assert 0 < mine.value < 1
    against = _row(rows, "blind").against["small nodules found"]
    assert against.difference == pytest.approx(-mine.value)
    assert against.adjusted is not None
    assert against.adjusted < 0.05
    outcome = methods_outcome(rows, dataset, "usnet", settings={})
    assert any("under 10 mm" in note for note in outcome.notes)


def test_the_outcome_says_first_who_wins(rows: list[Row]) -> None:
    dataset, _ = study(240)
    outcome = methods_outcome(rows, dataset, "usnet", settings={"epochs": 1}, refused=[("rt-detr", "not installed")])
    assert "is better than usnet" in outcome.notes[0]
    assert outcome.grids[0].rows[0][0] in ("better", "told")
    assert any("rt-detr: not installed" in note for note in outcome.notes)
    for form in (text, as_json, latex):
        assert "better" in form(outcome)


def test_nobody_wins_is_said_too() -> None:
    dataset, said = study(120)
    rows = table(dataset, [_result("usnet", said, dataset), _result("same", said, dataset)], bootstrap=0)
    outcome = methods_outcome(rows, dataset, "usnet", settings={})
    assert outcome.notes[0].startswith("No rival is better")
