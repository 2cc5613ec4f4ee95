"""Reference scores belong to validation nodules that were found, and to their weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from usnet.diagnosis import Diagnoser
from usnet.errors import DataError
from usnet.evaluation.reference_scores import ReferenceScores, reference_scores
from usnet.phantoms.writing import write_dataset


def test_scores_of_validation_nodules(tmp_path: Path) -> None:
    made = write_dataset(tmp_path / "data", count=8, seed=2, shares=(1, 1, 0), size=(256, 220))
    dataset = made.with_records(replace(r, split="val") for r in made.records)
    found = reference_scores(Diagnoser(gate=False), [dataset])
    assert len(found.benign) + len(found.malignant) + found.missed == sum(len(r.nodules) for r in dataset.records)
    assert list(found.benign) == sorted(found.benign)
    assert all(0 <= p <= 1 for p in (*found.benign, *found.malignant))
    with pytest.raises(DataError, match="no benign nodule"):
        reference_scores(Diagnoser(gate=False), [dataset.with_records(replace(r, split="train") for r in made.records)])


def test_the_file_names_its_weights() -> None:
    written = json.loads(ReferenceScores((0.1, 0.2), (0.9,), 1, "made up").as_json("abc"))
    assert written == {"model_sha256": "abc", "origin": "made up", "benign": [0.1, 0.2], "malignant": [0.9]}
