"""The paper's paragraph "General data": numbers, and what is known for how many."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from usnet.datasets.describe import describe
from usnet.datasets.description import as_latex, as_text
from usnet.datasets.records import Dataset, ImageRecord
from usnet.values import Box, Nodule

RECORDS = (
    ImageRecord(1, "1.png", 100, 100, "malignant", (Nodule(Box(0, 0, 40, 20), "malignant", "n1"),), "p1", age=60, sex="female",
                spacing_mm=(0.5, 0.25), center="North & Co", device="Scanner_1", split="train", birads="5"),
    ImageRecord(2, "2.png", 100, 100, "malignant", (Nodule(Box(0, 0, 40, 36), "malignant", "n1"),), "p1", age=61, sex="female",
                spacing_mm=(0.5, 0.25), center="North & Co", device="Scanner_1", split="train"),
    ImageRecord(3, "3.png", 100, 100, "benign", (Nodule(Box(0, 0, 9, 9), "benign", diameter_mm=7.5),), "p2", age=40, sex="female",
                split="test"),
    ImageRecord(4, "4.png", 100, 100, "benign", (Nodule(Box(0, 0, 9, 9), "benign"), Nodule(Box(20, 20, 5, 5), "benign")), "p3",
                sex="male", split="test"),
    ImageRecord(5, "5.png", 100, 100, "normal", (), None, exclude="x", split="test"),
)  # fmt: skip
DATA = Dataset(Path("made-up"), "made_up", RECORDS)


def test_numbers() -> None:
    whole = describe(DATA).whole
    assert (whole.images, whole.patients, whole.images_without_patient, whole.excluded) == (5, 3, 1, 1)
    assert whole.labels == {"benign": 2, "malignant": 2, "normal": 1}
    assert whole.sexes == {"female": 2, "male": 1}
    women = whole.age["female"]
    assert (women.known, women.total, women.mean, women.low, women.high) == (2, 2, 50.0, 40.0, 60.0)
    assert women.sd == pytest.approx(200**0.5)
    assert (whole.age["male"].known, whole.age["male"].total, whole.age["male"].mean) == (0, 1, None)
    assert whole.nodules == {"benign": 3, "malignant": 1}
    # n1: the larger of its views, 36 rows of 0.5 mm; p2's nodule as reported; p3's two unknown
    assert (whole.diameter_cm.known, whole.diameter_cm.total, whole.diameter_measured) == (2, 4, 1)
    assert (whole.diameter_cm.low, whole.diameter_cm.high) == pytest.approx((0.75, 1.8))
    assert whole.centers == {"North & Co": 2, "unknown": 3}
    assert whole.birads == {"5": 1, "unknown": 4}


def test_splits() -> None:
    train, test = describe(DATA).splits
    assert (train.name, train.images, train.patients) == ("train", 2, 1)
    assert (test.name, test.images, test.patients) == ("test", 3, 2)
    assert train.age["female"].sd is None
    unsplit = DATA.with_records(replace(r, split=None) for r in RECORDS)
    assert describe(unsplit).splits == ()


def test_text_says_what_is_unknown() -> None:
    text = as_text(describe(DATA))
    assert "2 women (age range, 40–60 years; mean, 50.00 ± 14.14 years) and 1 man (age unknown)" in text
    assert "1 more image without patient id" in text
    assert (
        "diameters of 0.75 to 1.80 cm (mean, 1.27 ± 0.74 cm), known for 2 of 4, 1 of them from box and pixel spacing"
        in text
    )
    assert "1 image excluded" in text
    assert text.count("\n\n") == 2


def test_images_without_patients() -> None:
    alone = DATA.with_records(replace(r, patient_id=None, age=None, sex="female", nodules=()) for r in RECORDS[:2])
    text = as_text(describe(alone))
    assert "The number of patients is unknown: 2 images of women (age unknown); 2 groups" in text
    assert "They show no nodules" in text
    assert "sex and age unknown" in as_text(describe(alone.with_records(replace(r, sex=None) for r in alone.records)))


def test_age_known_for_some() -> None:
    some = DATA.with_records(replace(r, sex="female", age=50 if r.image_id == 3 else None) for r in RECORDS[:4])
    assert "age known for 1 of 3 patients" in as_text(describe(some))


def test_latex_is_escaped_and_has_a_column_a_part() -> None:
    latex = as_latex(describe(DATA))
    assert r"North \& Co" in latex
    assert r"made\_up" in latex
    assert r" & all & train & test \\" in latex
    assert r"Nodules & 4 & 1 & 3 \\" in latex
    assert "±" not in latex


def test_json_is_plain() -> None:
    document = json.loads(json.dumps(describe(DATA).as_json()))
    assert document["whole"]["age"]["female"]["known"] == 2


def test_an_empty_dataset() -> None:
    assert "0 images" in as_text(describe(DATA.with_records(())))
