from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.statistics.detection import (
    Matches,
    average_precision,
    match,
    match_image,
    precision_recall,
    ranked,
    weighted_average_precision,
)
from usnet.statistics.froc import LEVELS, froc, weighted_sensitivity

Image = tuple[np.ndarray, np.ndarray, np.ndarray]


def random_images(seed: int, count: int = 12) -> list[Image]:
    """Truth boxes, half of them found with jitter, plus random boxes; scores with ties."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        corner = rng.uniform(0, 150, (rng.integers(0, 3), 2))
        truth = np.hstack([corner, corner + rng.uniform(20, 80, corner.shape)])
        found = truth[rng.random(len(truth)) < 0.7]
        noise = rng.uniform(0, 150, (rng.integers(0, 4), 2))
        boxes = np.vstack([found + rng.normal(0, 4, found.shape), np.hstack([noise, noise + 40])]).reshape(-1, 4)
        images.append((boxes, rng.integers(1, 10, len(boxes)) / 10, truth))
    return images


def explicit(matches: Matches, counts: np.ndarray) -> Matches:
    """The resample written out: image i repeated ``counts[i]`` times."""
    image, score, hit, truths = [], [], [], []
    for original, times in enumerate(counts):
        for _ in range(times):
            here = matches.image == original
            image += [len(truths)] * here.sum()
            score += list(matches.score[here])
            hit += list(matches.hit[here])
            truths.append(matches.truths[original])
    return ranked(np.array(image, np.intp), np.array(score), np.array(hit, bool), np.array(truths, np.intp))


def slow_ap(matches: Matches, points: str) -> float:
    """Interpolated AP straight from its definition, over distinct thresholds."""
    _, precision, recall = precision_recall(matches)
    if points == "11":
        return float(np.mean([max(precision[recall >= k / 10 - 1e-12], default=0) for k in range(11)]))
    steps = np.diff(np.concatenate([[0], recall]))
    return float(sum(s * max(precision[i:]) for i, s in enumerate(steps)))


@settings(max_examples=60)
@given(st.integers(0, 100_000))
def test_ap_agrees_with_its_definition_and_lies_in_the_unit_interval(seed: int) -> None:
    matches = match(random_images(seed))
    if matches.truths.sum() == 0:
        return
    for points in ("11", "all"):
        value = average_precision(matches, points)
        assert value == pytest.approx(slow_ap(matches, points), abs=1e-12)
        assert 0 <= value <= 1


@settings(max_examples=40)
@given(st.integers(0, 100_000))
def test_weights_equal_explicit_resampling(seed: int) -> None:
    matches = match(random_images(seed))
    counts = np.random.default_rng(seed).integers(0, 3, (3, matches.truths.size))
    normal = matches.truths == 0
    for points in ("11", "all"):
        values = weighted_average_precision(matches, counts.astype(float), points)
        for row, value in zip(counts, values, strict=True):
            again = average_precision(explicit(matches, row), points)
            assert np.isnan(value) if again is None else value == pytest.approx(again, abs=1e-12)
    found = weighted_sensitivity(matches, counts.astype(float))
    for row, values in zip(counts, found, strict=True):
        curve = froc(explicit(matches, row), np.repeat(normal, row))
        if curve is None:
            assert np.isnan(values).all()
            continue
        for level, value in zip(LEVELS, values, strict=True):
            assert value >= curve.sensitivity[curve.false_positives <= level].max() - 1e-12


@given(st.integers(0, 100_000))
def test_order_of_images_does_not_matter(seed: int) -> None:
    images = random_images(seed)
    order = np.random.default_rng(seed).permutation(len(images))
    here, there = match(images), match([images[i] for i in order])
    assert average_precision(here, "all") == average_precision(there, "all")
    assert average_precision(here) == average_precision(there)


def test_a_perfect_detector_has_ap_one() -> None:
    images = [(truth, np.linspace(0.9, 0.5, len(truth)), truth) for _, _, truth in random_images(3)]
    for points in ("11", "all"):
        assert average_precision(match(images), points) == 1


def test_without_detections_ap_is_zero_and_without_truth_none() -> None:
    empty = np.zeros((0, 4))
    truth = np.array([[0, 0, 10, 10.0]])
    assert average_precision(match([(empty, np.zeros(0), truth)])) == 0
    assert average_precision(match([(truth, np.array([0.5]), empty)])) is None
    assert average_precision(match([])) is None
    assert froc(match([(empty, np.zeros(0), truth)]), [False]).sensitivity.tolist() == [0]
    assert froc(match([(truth, np.array([0.5]), empty)]), [True]) is None


def test_a_second_box_on_the_same_nodule_is_a_false_positive() -> None:
    truth = np.array([[0, 0, 10, 10.0]])
    boxes = np.array([[0, 0, 10, 9.0], [0, 0, 10, 10.0]])
    assert match_image(boxes, np.array([0.9, 0.8]), truth, 0.5).tolist() == [0, -1]
    assert match_image(boxes, np.array([0.8, 0.8]), truth, 0.5).tolist() == [-1, 0]  # of equals the better box
    assert match_image(boxes[:1], np.array([0.9]), truth, 0.91).tolist() == [-1]
    assert match_image(boxes[:1], np.array([0.9]), truth, 0.9).tolist() == [0]  # the threshold itself is a hit


def test_tied_scores_are_one_threshold() -> None:
    truth, far = np.array([[0, 0, 10, 10.0]]), np.array([[50, 50, 60, 60.0]])
    images = [(truth, np.array([0.5]), truth), (far, np.array([0.5]), np.zeros((0, 4)))]
    assert average_precision(match(images)) == average_precision(match(images[::-1])) == 0.5


def test_eleven_points_reach_recall_three_tenths() -> None:
    truths = np.ones(10, np.intp)
    hits = ranked(np.arange(3), np.array([0.9, 0.8, 0.7]), np.ones(3, bool), truths)
    assert average_precision(hits) == pytest.approx(4 / 11)
    assert average_precision(hits, "all") == pytest.approx(0.3)


def test_froc_counts_marks_on_normal_images_apart() -> None:
    truth, far, none = np.array([[0, 0, 10, 10.0]]), np.array([[50, 50, 60, 60.0]]), np.zeros((0, 4))
    images = [
        (np.vstack([truth, far]), np.array([0.9, 0.6]), truth),
        (far, np.array([0.7]), none),
        (none, np.zeros(0), truth),
    ]
    curve = froc(match(images), [False, True, False])
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.7, 0.6]
    assert curve.sensitivity.tolist() == [0, 0.5, 0.5, 0.5]
    assert curve.false_positives == pytest.approx([0, 0, 1 / 3, 2 / 3])
    assert curve.on_normal.tolist() == [0, 0, 1, 1]
    assert froc(match(images), [False] * 3).on_normal is None


@pytest.mark.reference
@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_padilla_sample(shared: Path, threshold: float) -> None:
    folder = shared / "stats/detection/padilla_sample2"
    expected = json.loads((folder / "expected.json").read_text())[f"iou_{threshold}"]

    def corners(path: Path, columns: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.array([[float(v) for v in line.split()[1:]] for line in path.read_text().splitlines()])
        x, y, width, height = rows[:, columns:].T
        # that program counts pixels (sides + 1); real-valued boxes need the pixel added here
        return np.stack([x, y, x + width + 1, y + height + 1], axis=1), rows[:, 0]

    images = []
    for path in sorted((folder / "groundtruths").glob("*.txt")):
        truth, _ = corners(path, 0)
        boxes, scores = corners(folder / "detections" / path.name, 1)
        # it also takes equal scores in the order of the files: made explicit by a falling trifle
        first = sum(len(image[1]) for image in images)
        images.append((boxes, scores - 1e-9 * (first + np.arange(len(scores))), truth))
    matches = match(images, threshold)
    assert matches.at(0) == (expected["object"]["TP"], expected["object"]["FP"])
    assert average_precision(matches) == pytest.approx(expected["mAP_eleven_point"], rel=1e-9)
    assert average_precision(matches, "all") == pytest.approx(expected["mAP_every_point"], rel=1e-9)
