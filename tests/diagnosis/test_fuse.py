"""Several views to one opinion."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.made_up import diagnosis, finding
from usnet.diagnosis import fuse_all
from usnet.diagnosis.fuse import View, fuse, mean_log_odds
from usnet.diagnosis.grouping import group_by_named, view_stem
from usnet.errors import ConfigError
from usnet.values import Label


def view(label: Label, benign: float, malignant: float, name: str = "a") -> View:
    return View(name, label, benign, malignant, 1 - benign - malignant, 0.5)


PAIRS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5)


@given(PAIRS, st.lists(st.sampled_from(["benign", "malignant", "normal"]), min_size=5, max_size=5))
def test_fused_probabilities_add_up(pairs: list[tuple[float, float]], labels: list[Label]) -> None:
    views = [view(label, a * b, a * (1 - b)) for (a, b), label in zip(pairs, labels, strict=False)]
    for rule in ("mean-log-odds", "worst-view"):
        said = fuse("g", views, rule)
        assert math.fsum((said.p_benign, said.p_malignant, said.p_normal)) == pytest.approx(1)
        assert min(said.p_benign, said.p_malignant, said.p_normal) >= -1e-12
        assert (said.label == "normal") == all(v.label == "normal" for v in views)


def test_log_odds_are_averaged() -> None:
    assert mean_log_odds([0.2, 0.8]) == pytest.approx(0.5)
    assert mean_log_odds([0.9, 0.5]) == pytest.approx(0.75)
    assert mean_log_odds([0.3]) == 0.3
    assert 0 < mean_log_odds([0.0, 1.0, 0.5]) < 1


def test_a_view_without_a_finding_does_not_vote_on_malignancy() -> None:
    seen, missed = view("malignant", 0.1, 0.8), view("normal", 0.09, 0.01)
    said = fuse("g", [seen, missed], "mean-log-odds")
    assert said.label == "malignant"
    assert said.p_malignant / (1 - said.p_normal) == pytest.approx(seen.given_nodule)
    assert said.p_normal == pytest.approx(1 - mean_log_odds([0.9, 0.1]))


def test_one_view_is_its_own_opinion() -> None:
    for rule in ("mean-log-odds", "worst-view"):
        said = fuse("g", [view("benign", 0.6, 0.3)], rule)
        assert (said.p_benign, said.p_malignant, said.p_normal) == pytest.approx((0.6, 0.3, 0.1))
        assert said.label == "benign"


@pytest.mark.parametrize(
    ("views", "mean", "worst"),
    [
        ([view("normal", 0.1, 0.1), view("normal", 0.1, 0.2)], "normal", "normal"),
        ([view("benign", 0.6, 0.3), view("normal", 0.1, 0.1)], "benign", "benign"),
        ([view("malignant", 0.1, 0.85), view("benign", 0.5, 0.4)], "malignant", "malignant"),
        ([view("malignant", 0.1, 0.85), view("normal", 0.1, 0.01)], "malignant", "malignant"),
        ([view("malignant", 0.4, 0.5), view("benign", 0.8, 0.1)], "benign", "malignant"),
    ],
)
def test_labels(views: list[View], mean: Label, worst: Label) -> None:
    assert fuse("g", views, "mean-log-odds").label == mean
    said = fuse("g", views, "worst-view")
    assert said.label == worst
    assert said.p_malignant == max(v.p_malignant for v in views if v.label == worst)
    assert said.views == tuple(views)


def test_diagnoses_are_grouped_in_order_of_appearance() -> None:
    made = [
        diagnosis(finding(), image_id="1", group="B"),
        diagnosis(image_id="2", group="A"),
        diagnosis(image_id="3", group="B"),
        diagnosis(image_id="4", group=None),
    ]
    groups = fuse_all(made, "patient")
    assert [(g.group, [v.image_id for v in g.views], g.agree) for g in groups] == [
        ("B", ["1", "3"], False),
        ("A", ["2"], True),
    ]
    assert {g.rule for g in groups} == {"worst-view"}
    assert {g.rule for g in fuse_all(made, "name")} == {"mean-log-odds"}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("bus_0001-l.png", "bus_0001"),
        ("bus_0001-r.png", "bus_0001"),
        ("sub/case7_trans.dcm", "sub/case7"),
        ("case7_view2.png", "case7"),
        ("case7-1.png", "case7"),
        ("img_0001.png", "img_0001"),
        ("case001.png", "case001"),
        ("-l.png", "-l"),
        ("benign (1).png", "benign (1)"),
        ("a-b-c.png", "a-b"),
    ],
)
def test_view_stems(name: str, stem: str) -> None:
    assert view_stem(name) == stem


def test_grouping_by_another_name() -> None:
    assert group_by_named("patient") == "patient"
    with pytest.raises(ConfigError, match="none, patient, name"):
        group_by_named("study")
