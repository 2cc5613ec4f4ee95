"""A small phantom dataset with splits, and a network small enough to train in a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from usnet.datasets.records import Dataset, save
from usnet.phantoms.writing import write_dataset
from usnet.values import LABELS

TINY = [
    "name='tiny'",
    "network.backbone=resnet18",
    "network.last_stage=dropped",
    "network.pyramid_channels=16",
    "network.head_channels=16",
    "network.head_depth=1",
    "network.anchors.image_size=128",
    "network.anchors.sizes=[12.0, 28.0, 64.0]",
    "training.batch_size=4",
    "training.precision='32-true'",
    "training.learning_rate=2e-3",
]


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """24 phantom images, every third for validation."""
    root: Path = tmp_path_factory.mktemp("phantoms") / "set"
    dataset = write_dataset(root, 24, 5, size=(128, 128))
    groups = {label: sorted({r.group for r in dataset.records if r.label == label}) for label in LABELS}
    val = {group for found in groups.values() for group in found[::3]}
    dataset = dataset.with_records(replace(r, split="val" if r.group in val else "train") for r in dataset.records)
    save(dataset)
    return dataset


@pytest.fixture
def tiny() -> list[str]:
    """Settings of a network and a loop small enough for a test."""
    return list(TINY)
