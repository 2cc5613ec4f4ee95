from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.opinions import MODEL, POINT, opinion, record, study
from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import DataError
from usnet.evaluation import Evaluation, evaluate
from usnet.values import LABELS, Box, Diagnosis, ModelIdentity, Nodule, OperatingPoint

HERE, THERE = Box(40, 50, 80, 60), Box(260, 200, 60, 50)


def dataset(records: list[ImageRecord]) -> Dataset:
    return Dataset(Path("nowhere"), "made-up", tuple(records))


@pytest.fixture(scope="module")
def usual() -> Evaluation:
    return evaluate(*study(200, seed=3), bootstrap=200)


def perfect(records: list[ImageRecord]) -> list[Diagnosis]:
    rows = []
    for r in records:
        boxes = [(n.box, 0.9, 0.99 if n.pathology == "malignant" else 0.01) for n in r.nodules]
        rows.append(opinion(r, boxes))
    return rows


def test_a_perfect_model() -> None:
    data, _ = study(120, seed=1)
    found = evaluate(data, perfect(list(data.records)), bootstrap=50)
    for kind in ("benign", "malignant"):
        assert found.metric("ap11", kind).value == 1
        assert found.metric("ap_all", kind).value == 1
    assert found.metric("map11", "benign and malignant").value == 1
    assert found.metric("coco_ap", "benign and malignant").value == pytest.approx(1)
    assert found.metric("localisation", "nodule").value == 1
    assert found.metric("false positives an image", "normal image").value == 0
    for label in LABELS:
        assert found.metric("accuracy", f"{label} v rest").value == 1
        auc = found.metric("auc", f"{label} v rest")
        assert auc.value == 1
        assert 0.7 < auc.interval.low < 1
        assert "exact bound" in auc.note
    assert found.metric("sensitivity", "malignant v rest", averaging="balanced").interval.low < 1


def test_known_counts() -> None:
    records = [
        record(0, "benign", HERE),
        record(1, "malignant", HERE),
        record(2, "malignant", HERE),
        record(3, "normal"),
        record(4, "normal"),
    ]
    opinions = [
        opinion(records[0], [(HERE, 0.9, 0.1)]),
        opinion(records[1], [(HERE, 0.8, 0.9), (THERE, 0.6, 0.2)]),
        opinion(records[2], [(THERE, 0.2, 0.9)]),  # too weak to count: called normal
        opinion(records[3], []),
        opinion(records[4], [(THERE, 0.7, 0.8)]),
    ]
    found = evaluate(dataset(records), opinions, bootstrap=0)
    assert found.confusion == ((1, 0, 0), (0, 1, 1), (0, 1, 1))
    marks = found.metric("sensitivity", "nodule found")
    assert (marks.numerator, marks.denominator) == (2, 3)
    assert found.metric("false positives an image", "any image").value == pytest.approx(2 / 5)
    assert found.metric("false positives an image", "normal image").value == 0.5
    assert found.metric("localisation", "nodule").numerator == 2
    malignant = found.metric("ap_all", "malignant")  # scores .8 hit, .7 .24 .2 wrong; one of two found
    assert (malignant.value, malignant.positives) == (0.5, 2)
    assert found.metric("ap11", "malignant").value == pytest.approx(6 / 11)
    assert found.metric("auc", "malignant v benign").positives == 2


def test_everything_has_a_unit_a_threshold_and_an_interval(usual: Evaluation) -> None:
    for m in usual.metrics:
        if m.value is None:
            assert m.note, m
            continue
        assert np.isfinite(m.value)
        assert m.threshold or m.name in ("brier", "ece"), m
        if not m.name.startswith("coco"):
            assert m.intervals or m.note, m
        for interval in m.intervals:
            assert interval.low <= interval.high
            assert interval.method
    assert usual.metric("auc", "malignant v benign").interval.method.startswith("Obuchowski 1997, ")


def test_the_same_seed_gives_the_same_numbers_and_json(usual: Evaluation) -> None:
    again = evaluate(*study(200, seed=3), bootstrap=200)
    assert json.dumps(again.as_dict(), allow_nan=False) == json.dumps(usual.as_dict(), allow_nan=False)
    other = evaluate(*study(200, seed=3), bootstrap=200, seed=1)
    assert other.metric("ap_all", "benign").interval != usual.metric("ap_all", "benign").interval
    assert other.metric("ap_all", "benign").value == usual.metric("ap_all", "benign").value


def test_order_of_images_does_not_matter(usual: Evaluation) -> None:
    data, opinions = study(200, seed=3)
    again = evaluate(data.with_records(data.records[::-1]), opinions[::-1], bootstrap=0)
    for m in usual.metrics:
        there = again.metric(m.name, m.subject, averaging=m.averaging, unit=m.unit, subgroup=m.subgroup)
        assert there.value == pytest.approx(m.value, abs=1e-9)


def test_ap_agrees_with_coco_at_one_threshold(usual: Evaluation) -> None:
    ours = usual.metric("map_all", "benign and malignant").value
    assert usual.metric("coco_ap50", "benign and malignant").value == pytest.approx(ours, abs=0.02)


def test_coco_ap_has_an_interval_around_its_own_value(usual: Evaluation) -> None:
    for name in ("coco_ap", "coco_ap50", "coco_ap75"):
        metric = usual.metric(name, "benign and malignant")
        assert metric.value is not None
        assert metric.interval is not None, name
        assert metric.interval.low < metric.value < metric.interval.high
        assert "cluster bootstrap" in metric.interval.method


def test_without_normal_images_the_normal_row_says_so() -> None:
    found = evaluate(*study(80, seed=2, shares=(0.6, 0.4, 0.0)), bootstrap=20)
    row = found.metric("accuracy", "normal v rest")
    assert (row.value, row.note) == (None, "not estimable: no normal images")
    assert found.metric("auc", "normal v rest").note == "not estimable: no normal images"
    false = found.metric("false positives an image", "normal image")
    assert (false.value, false.note) == (None, "not estimable: no normal images")
    assert found.curves.froc.on_normal is None
    assert found.metric("auc", "malignant v rest").value == found.metric("auc", "malignant v benign").value


def test_only_normal_images() -> None:
    records = [record(i, "normal") for i in range(30)]
    opinions = [opinion(r, [(THERE, 0.6, 0.5)] if i < 6 else []) for i, r in enumerate(records)]
    found = evaluate(dataset(records), opinions, bootstrap=20)
    assert found.metric("sensitivity", "normal v rest").value == pytest.approx(0.8)
    assert found.metric("specificity", "normal v rest").value is None
    assert found.metric("false positives an image", "normal image").value == pytest.approx(0.2)
    for name, subject in (("ap11", "benign"), ("map11", "benign and malignant"), ("coco_ap", "benign and malignant")):
        assert found.metric(name, subject).value is None
    assert found.metric("auc", "malignant v rest").note == "not estimable: no malignant images"
    assert found.curves.froc is None
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_model_that_finds_nothing() -> None:
    data, _ = study(60, seed=5)
    found = evaluate(data, [opinion(r, []) for r in data.records], bootstrap=20)
    assert found.metric("ap11", "malignant").value == 0
    assert found.metric("map_all", "benign and malignant").value == 0
    assert found.metric("coco_ap", "benign and malignant").value == 0
    assert found.metric("sensitivity", "malignant v rest").value == 0
    assert found.metric("precision", "malignant v rest").value is None
    assert found.metric("auc", "malignant v rest").value == 0.5
    assert any("no opinion has a candidate" in w for w in found.warnings)


def test_images_left_out_are_counted() -> None:
    data, opinions = study(60, seed=6)
    records = list(data.records)
    records[0] = replace(records[0], exclude="contradicting-duplicate")
    records[1] = replace(records[1], label=None)
    found = evaluate(data.with_records(records), opinions[:-2], bootstrap=0)
    assert found.left_out.excluded == {"contradicting-duplicate": 1}
    assert found.left_out.unlabelled == 1
    assert found.left_out.undiagnosed == (records[-2].file_name, records[-1].file_name)
    assert found.counts["images"] == 56
    assert any("2 labelled images have no prediction" in w for w in found.warnings)


def test_an_image_without_known_boxes_counts_for_labels_only() -> None:
    records = [record(0, "benign", HERE), record(1, "malignant"), record(2, "normal"), record(3, "malignant", HERE)]
    unknown = replace(records[3], nodules=(Nodule(HERE, None),))
    records[3] = unknown
    opinions = [opinion(r, [(HERE, 0.9, 0.9)]) for r in records]
    found = evaluate(dataset(records), opinions, bootstrap=0)
    assert found.counts["images_with_known_boxes"] == 2
    assert found.metric("sensitivity", "malignant v rest").denominator == 2
    assert found.metric("ap11", "malignant").value is None
    assert found.metric("map11", "benign and malignant").note == "mean of one class only: no malignant nodules"
    assert any("2 images have no known boxes" in w for w in found.warnings)


def test_patients_are_judged_by_their_worst_image() -> None:
    records = [
        record(i, label, HERE, patient_id=f"p{i // 2}") for i, label in enumerate(["benign"] * 4 + ["malignant"] * 4)
    ]
    leans = [0.1, 0.2, 0.1, 0.8, 0.9, 0.1, 0.2, 0.3]
    opinions = [opinion(r, [(HERE, 0.9, q)]) for r, q in zip(records, leans, strict=True)]
    found = evaluate(dataset(records), opinions, bootstrap=0)
    sensitivity = found.metric("sensitivity", "malignant v benign", unit="patient")
    specificity = found.metric("specificity", "malignant v benign", unit="patient")
    assert (sensitivity.numerator, sensitivity.denominator) == (1, 2)
    assert (specificity.numerator, specificity.denominator) == (1, 2)
    assert found.metric("auc", "malignant v benign", unit="patient").value == 0.75
    assert found.metric("sensitivity", "malignant v benign", unit="image").denominator == 4


def test_without_patients_patient_level_is_not_estimable() -> None:
    data, opinions = study(40, seed=7)
    anonymous = data.with_records(replace(r, patient_id=None) for r in data.records)
    found = evaluate(anonymous, opinions, bootstrap=0)
    assert found.metric("auc", "malignant v rest", unit="patient").note == "not estimable: no patient ids"
    assert found.metric("auc", "malignant v benign").interval.method == "DeLong, logit"


def test_copies_of_images_do_not_narrow_clustered_intervals() -> None:
    data, opinions = study(120, seed=8)
    records, more = [], []
    for r, d in zip(data.records, opinions, strict=True):
        for copy in range(3):
            name = f"copy{copy}_{r.file_name}"
            records.append(replace(r, file_name=name, image_id=len(records), group_id=r.group))
            more.append(replace(d, image_id=name, source=name))
    once = evaluate(data, opinions, bootstrap=300)
    thrice = evaluate(data.with_records(records), more, bootstrap=300)
    for name, subject in (("auc", "malignant v benign"), ("ap_all", "malignant")):
        a, b = once.metric(name, subject), thrice.metric(name, subject)
        if name == "auc":
            assert b.value == pytest.approx(a.value)
            assert b.interval.high - b.interval.low == pytest.approx(a.interval.high - a.interval.low, rel=1e-6)
        else:
            assert (b.interval.high - b.interval.low) > 0.8 * (a.interval.high - a.interval.low)


def test_baselines_stand_beside_the_model(usual: Evaluation) -> None:
    assert [c.baseline for c in usual.comparisons] == ["box size alone", "box shape alone", "BI-RADS"]
    for comparison in usual.comparisons:
        alone = usual.metric("auc", f"malignant v benign, {comparison.baseline}")
        model = usual.metric("auc", f"malignant v benign, model beside {comparison.baseline}")
        assert (alone.positives, alone.negatives) == (model.positives, model.negatives)
        assert comparison.test.difference == pytest.approx(model.value - alone.value)
    assert usual.metric("sensitivity", "malignant v benign, BI-RADS").threshold == "BI-RADS >= 4"


def test_subgroups_partition_the_images_they_cover(usual: Evaluation) -> None:
    data, _ = study(200, seed=3)
    devices = {m.subgroup: m for m in usual.metrics if m.subgroup.startswith("device=") and m.name == "auc"}
    assert set(devices) == {"device=A", "device=B"}
    whole = usual.metric("auc", "malignant v benign")
    assert sum(m.positives for m in devices.values()) == whole.positives
    sizes = [m for m in usual.metrics if "size=" in m.subgroup and m.name == "auc"]
    assert sum(m.positives + m.negatives for m in sizes) == sum(r.label != "normal" for r in data.records)
    assert "size=under 10 mm" in {m.subgroup for m in sizes}


@pytest.mark.parametrize("change", ["model", "operating point"])
def test_mixed_predictions_are_refused(change: str) -> None:
    data, opinions = study(20, seed=9)
    other = {"model": {"model": ModelIdentity("other", "1" * 64)}} | {
        "operating point": {"operating_point": OperatingPoint("other", 0.1, 0.5, "?")}
    }
    opinions[0] = replace(opinions[0], **other[change])
    with pytest.raises(DataError, match=f"several {change}s"):
        evaluate(data, opinions)


def test_predictions_that_do_not_belong_are_refused() -> None:
    data, opinions = study(20, seed=9)
    stray = replace(opinions[0], image_id="elsewhere", source="elsewhere.png")
    with pytest.raises(DataError, match="belongs to no image"):
        evaluate(data, [*opinions, stray])
    with pytest.raises(DataError, match="two predictions"):
        evaluate(data, [*opinions, opinions[0]])
    with pytest.raises(DataError, match="no image to evaluate"):
        evaluate(data, [])


def test_names_are_found_by_id_stem_or_source() -> None:
    records = [record(7, "benign", HERE, patient_id="a"), record(8, "malignant", HERE, patient_id="b")]
    opinions = [opinion(r, [(HERE, 0.9, 0.3)]) for r in records]
    for image_id, source in (("7", "x"), ("made_0007", "x"), ("made_0007.png", "x"), ("x", "/a/b/made_0007.png")):
        opinions[0] = replace(opinions[0], image_id=image_id, source=source)
        assert evaluate(dataset(records), opinions, bootstrap=0).counts["images"] == 2


def test_evaluation_needs_no_torch(usual: Evaluation) -> None:
    assert usual.model == MODEL
    assert usual.operating_point == POINT
    names = [n for n in sys.modules if n.startswith("usnet.evaluation")]
    assert not any("torch" in vars(sys.modules[n]) for n in names)
