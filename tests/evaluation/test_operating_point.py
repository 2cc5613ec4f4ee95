from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usnet.errors import DataError
from usnet.evaluation.operating import (
    FLOOR,
    ValidationImage,
    choose_operating_point,
    collect,
    fit,
    fit_boxes,
    fit_calibration,
)
from usnet.values import Label

TRUTH = np.array([[40, 40, 100, 90.0]])
AWAY = np.array([150, 150, 190, 190.0])


def image(
    label: Label, top: float | None, lean: float = 0.0, noise: float = -3.0, found: bool = True
) -> ValidationImage:
    """One candidate at logit ``top`` on the nodule (or beside it), one wrong one at ``noise``."""
    if top is None:
        return ValidationImage(np.zeros((0, 4)), np.zeros((0, 2)), TRUTH if label != "normal" else TRUTH[:0], label)
    first = (top - max(lean, 0), top + min(lean, 0))
    boxes = np.stack([TRUTH[0] if found and label != "normal" else AWAY + 20, AWAY])
    logits = np.array([first, (noise, noise - 1)])
    order = np.argsort(-logits.max(axis=1))
    return ValidationImage(boxes[order], logits[order], TRUTH if label != "normal" else TRUTH[:0], label)


def validation(seed: int, normals: int = 40, count: int = 160) -> list[ValidationImage]:
    rng = np.random.default_rng(seed)
    images = []
    for i in range(count):
        label: Label = "malignant" if i % 3 == 0 else "benign"
        lean = (1.5 if label == "malignant" else -1.5) + 1.5 * rng.normal()
        images.append(image(label, 1.0 + rng.normal(), lean, -2 + rng.normal(), found=rng.random() < 0.98))
    return images + [image("normal", -1.5 + rng.normal()) for _ in range(normals)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_detection_threshold_keeps_the_sensitivity_and_is_the_highest(seed: int, target: float) -> None:
    scores = collect(validation(seed, normals=5, count=60))
    point = choose_operating_point(scores, fit_calibration(scores), detection=(target, 100.0))
    reached = (scores.nodule_score >= point.detection).mean()
    assert reached >= min(target, (scores.nodule_score > 0).mean()) - 1e-9
    above = scores.nodule_score[scores.nodule_score > point.detection].min()
    assert (scores.nodule_score > above).mean() < target
    assert 0 < point.detection < 1
    assert 0 < point.malignancy < 1


def test_calibration_on_images_orders_and_fits() -> None:
    scores = collect(validation(1, normals=120, count=240))
    fitted = fit_calibration(scores)
    assert fitted.nodule.slope > 0
    assert fitted.malignancy.slope > 0
    p = 1 / (1 + np.exp(-(fitted.nodule.slope * scores.top_logit + fitted.nodule.intercept)))
    assert p.mean() == pytest.approx((scores.label != "normal").mean(), abs=0.02)
    assert "240 with and 120 without a nodule" in fitted.origin


@pytest.mark.parametrize("normals", [0, 3])
def test_without_normal_images_boxes_are_calibrated_instead(normals: int) -> None:
    scores = collect(validation(2, normals=normals))
    fitted = fit_calibration(scores)
    assert fitted.nodule.slope > 0
    assert "boxes" in fitted.origin
    strong, weak = (1 / (1 + np.exp(-(fitted.nodule.slope * x + fitted.nodule.intercept))) for x in (3.0, -3.0))
    assert strong > 0.9
    assert weak < 0.2


def test_a_score_that_falls_with_truth_is_not_calibrated() -> None:
    images = [image("benign", 1, lean=2.0 + 0.1 * i) for i in range(20)]
    images += [image("malignant", 1, lean=-2.0 - 0.1 * i) for i in range(20)]
    fitted = fit_calibration(collect(images))
    assert (fitted.malignancy.slope, fitted.malignancy.intercept) == (1, 0)
    assert fitted.origin.endswith("malignancy: not calibrated")


def test_youden_separates_and_a_sensitivity_target_is_met() -> None:
    images = validation(3)
    scores = collect(images)
    calibration, (youden, strict, sparing) = fit(
        images, data="fold 4", malignant_sensitivity=0.98, malignant_specificity=0.97
    )
    seen = np.isin(scores.label, ("benign", "malignant")) & np.isfinite(scores.log_ratio)
    q = 1 / (1 + np.exp(-(calibration.malignancy.slope * scores.log_ratio[seen] + calibration.malignancy.intercept)))
    truth = scores.label[seen] == "malignant"
    best = max((q[truth] >= t).mean() + (q[~truth] < t).mean() for t in q)
    here = (q[truth] >= youden.malignancy).mean() + (q[~truth] < youden.malignancy).mean()
    assert here == pytest.approx(best)
    assert youden.origin.startswith("fold 4: detection at greatest F1 (sensitivity 0.9")
    assert (youden.name, strict.name, sparing.name) == ("balanced", "sensitive", "specific")
    assert (q[~truth] < sparing.malignancy).mean() >= 0.97
    assert (q[~truth] < max(t for t in q if t < sparing.malignancy)).mean() < 0.97
    assert sparing.detection == youden.detection
    assert "asked 0.97" in sparing.origin
    assert (q[truth] >= strict.malignancy).mean() >= 0.98
    assert strict.malignancy < youden.malignancy
    assert "asked 0.98" in strict.origin


def test_nodules_nobody_finds_do_not_drag_the_threshold_to_nothing() -> None:
    images = [image("benign" if i % 2 else "malignant", 2.0 + 0.01 * i, found=i < 20) for i in range(40)]
    scores = collect(images)
    point = choose_operating_point(scores, fit_calibration(scores), detection=(0.95, 100.0))
    assert (scores.nodule_score >= point.detection).sum() == 20
    assert point.detection > 0.5
    assert "asked sensitivity 0.95 (sensitivity 0.500" in point.origin


def test_an_image_without_candidates_stands_at_the_floor() -> None:
    scores = collect([image("benign", None), image("normal", None), image("malignant", 1.0)])
    assert scores.top_logit[0] == pytest.approx(np.log(FLOOR / (1 - FLOOR)))
    assert np.isnan(scores.log_ratio[0])
    assert scores.nodule_score[0] == 0


def test_thresholds_need_nodules_and_both_pathologies() -> None:
    with pytest.raises(DataError, match="no validation image has a nodule"):
        fit([image("normal", 0.0)])
    with pytest.raises(DataError, match="0 malignant and 3 benign"):
        fit([image("benign", 1.0)] * 3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_balanced_threshold_has_the_greatest_f1(seed: int) -> None:
    scores = collect(validation(seed, normals=8, count=60))
    point = choose_operating_point(scores, fit_calibration(scores))
    boxes = 1 / (1 + np.exp(-scores.candidate_logit))

    def f1(threshold: float) -> float:
        kept = boxes >= threshold
        return 2 * (kept & scores.candidate_hit).sum() / (kept.sum() + scores.nodule_score.size)

    assert f1(point.detection) == pytest.approx(max(f1(t) for t in boxes))


@settings(max_examples=25, deadline=None)
@example(276, 0.1)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_wrong_boxes_are_held_to_what_is_allowed(seed: int, allowed: float) -> None:
    scores = collect(validation(seed, normals=8, count=60))
    point = choose_operating_point(scores, fit_calibration(scores), detection=(1.0, allowed))
    boxes = 1 / (1 + np.exp(-scores.candidate_logit))
    assert ((boxes >= point.detection) & ~scores.candidate_hit).sum() <= allowed * scores.label.size


def test_boxes_are_calibrated_and_a_box_beside_a_louder_one_less_so() -> None:
    scores = collect(validation(4))
    fitted = fit_boxes(scores, "made-up images")
    assert fitted is not None
    assert fitted.slope > 0
    evidence = fitted.slope * scores.candidate_logit + fitted.below * scores.candidate_below + fitted.intercept
    p = 1 / (1 + np.exp(-evidence))
    assert p.mean() == pytest.approx(scores.candidate_hit.mean(), abs=0.01)
    assert f"{scores.candidate_hit.sum()} of {scores.candidate_hit.size} boxes" in fitted.origin
    assert fit(validation(4))[0].box is not None


def test_the_distance_below_the_strongest_box_counts_from_zero() -> None:
    scores = collect([image("benign", 1.0, noise=-2.0), image("normal", -1.0, noise=2.0), image("benign", None)])
    assert scores.candidate_below.tolist() == [0.0, -3.0, 0.0, -3.0]


def test_too_few_boxes_are_not_calibrated() -> None:
    assert fit_boxes(collect(validation(5, normals=0, count=9))) is None
