"""A handful of phantoms in three splits, and a budget that a test can afford."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from usnet.comparators.method import Budget
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.phantoms.writing import write_dataset
from usnet.training.config import load_config
from usnet.values import LABELS

TINY = [
    "name='tiny'",
    "network.backbone='resnet18'",
    "network.last_stage='dropped'",
    "network.pyramid_channels=16",
    "network.head_channels=16",
    "network.head_depth=1",
    "network.anchors.image_size=64",
    "network.anchors.sizes=[8.0, 16.0, 32.0]",
    "training.epochs=1",
    "training.batch_size=3",
    "training.precision='32-true'",
]


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """24 phantoms of 12 patients: of every label some patients to train on, one or more in val and test."""
    root: Path = tmp_path_factory.mktemp("rivals") / "set"
    made = write_dataset(root, 24, 5, size=(96, 96))
    parts: dict[str, str] = {}
    for label in LABELS:
        groups = sorted({r.group for r in made.records if r.label == label})
        parts |= {g: ("train", "train", "val", "test")[i % 4] for i, g in enumerate(groups)}
    dataset = made.with_records(_split(r, parts[r.group]) for r in made.records)
    save(dataset)
    return dataset


@pytest.fixture(scope="session")
def few(phantoms: Dataset) -> Dataset:
    """An image of every label in every split: one step of training, enough to run a large network once."""
    first = {(r.split, r.label): r for r in reversed(phantoms.records)}
    return phantoms.with_records(first.values())


def _split(record: ImageRecord, part: str) -> ImageRecord:
    return replace(record, split=part)  # type: ignore[arg-type]


@pytest.fixture
def budget() -> Iterator[Budget]:
    """One epoch of a tiny network on one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Budget(load_config(None, TINY))
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same budget as a file."""
    from usnet.training.config import to_toml

    path = tmp_path_factory.mktemp("budget") / "tiny.toml"
    path.write_text(to_toml(load_config(None, TINY)), encoding="utf-8")
    return path
