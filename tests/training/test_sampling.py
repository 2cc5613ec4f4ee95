"""Epochs: balanced, seeded, the same images on any number of processes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.training.sampling import batches, epoch_order, sampling_weights

labels_and_groups = st.lists(
    st.tuples(st.sampled_from(["benign", "malignant", "normal"]), st.sampled_from("abcdefgh")), min_size=1, max_size=60
)


@given(rows=labels_and_groups, balance=st.floats(0, 1), group_balance=st.floats(0, 1))
def test_weights_are_probabilities(rows: list[tuple[str, str]], balance: float, group_balance: float) -> None:
    weights = sampling_weights([a for a, _ in rows], [g for _, g in rows], balance, group_balance)
    assert weights.shape == (len(rows),)
    assert weights.min() > 0
    assert weights.sum() == pytest.approx(1)


def test_full_balance_draws_classes_equally() -> None:
    labels = ["benign"] * 600 + ["malignant"] * 250 + ["normal"] * 50
    weights = sampling_weights(labels, [str(i) for i in range(900)], 1.0, 0.0)
    drawn = Counter(labels[i] for i in epoch_order(weights, 0, 0))
    assert all(abs(drawn[name] - 300) <= 12 for name in ("benign", "malignant", "normal"))


def test_without_balance_every_image_comes_once() -> None:
    weights = sampling_weights(["benign"] * 40, ["a"] * 40, 0.0, 0.0)
    assert sorted(epoch_order(weights, 7, 3)) == list(range(40))


@given(rows=labels_and_groups, seed=st.integers(0, 2**31), epoch=st.integers(0, 1000))
def test_an_image_comes_as_often_as_its_weight_says(rows: list[tuple[str, str]], seed: int, epoch: int) -> None:
    weights = sampling_weights([a for a, _ in rows], [g for _, g in rows], 0.5, 0.5)
    order = epoch_order(weights, seed, epoch)
    times = np.bincount(order, minlength=len(rows))
    assert len(order) == len(rows)
    assert (np.abs(times - weights * len(rows)) < 1 + 1e-6).all()
    assert (epoch_order(weights, seed, epoch) == order).all()


@given(n=st.integers(1, 200), size=st.integers(1, 32), world=st.integers(1, 4))
def test_processes_share_one_batch(n: int, size: int, world: int) -> None:
    order = np.arange(n)[::-1].copy()
    one = batches(order, size, 0, 1)
    shares = [batches(order, size, rank, world) for rank in range(world)]
    for step, whole in enumerate(one):
        assert sorted(pair for share in shares for pair in share[step]) == sorted(whole)
    assert all(order[p] == i for batch in one for p, i in batch)
