"""Every method trains on phantoms, meets the interface, and takes images without nodules as they are."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from usnet import images
from usnet.comparators.catalogue import BOXES, FAMILIES, catalogue, chosen
from usnet.comparators.method import Budget, Method, NoOpinion, Unchanged
from usnet.comparators.network import Network, ablated
from usnet.comparators.pool import labelled
from usnet.comparators.running import run
from usnet.comparators.trivial import OneNumber
from usnet.datasets.records import Dataset
from usnet.errors import ConfigError, DataError, MissingExtra
from usnet.training.config import RunConfig, changed
from usnet.values import LABELS, Diagnosis

NETWORKS = [n for n, m in catalogue().items() if m.kind in ("usnet", "detector", "segmentation")]
CLASSICAL = [n for n, m in catalogue(boxes="given").items() if m.kind == "classical"]
ABLATIONS = [n for n, m in catalogue().items() if m.kind == "ablation"]
pytestmark = pytest.mark.train


def _run(method: Method, dataset: Dataset, budget: Budget) -> list[Diagnosis]:
    result = run(method, dataset, labelled(dataset, "test"), budget=budget)
    said = [d for d in result.results if isinstance(d, Diagnosis)]
    for d in said:
        assert d.p_benign + d.p_malignant + d.p_normal == pytest.approx(1)
        assert d.label in LABELS
        assert d.seconds >= 0
        for f in d.candidates:
            assert f.box.width > 0
            assert f.box.corners[2] <= d.width + 1e-3
            assert f.box.corners[3] <= d.height + 1e-3
            assert 0 <= f.score <= 1
        assert [f.score for f in d.candidates] == sorted((f.score for f in d.candidates), reverse=True)
    assert result.cost.parameters is None or result.cost.parameters > 0
    assert len({(d.model, d.operating_point) for d in said}) == 1
    return said


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, few: Dataset, budget: Budget) -> None:
    if name == "rt-detr" and find_spec("transformers") is None:
        pytest.skip("transformers (extra detr) is not installed")
    said = _run(catalogue()[name], few, budget)
    assert len(said) == len(labelled(few, "test"))
    for part in ("train", "val", "test"):
        assert any(not r.nodules for r in labelled(few, part))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_on_true_boxes(name: str, phantoms: Dataset, budget: Budget) -> None:
    said = _run(catalogue(boxes="given")[name], phantoms, budget)
    truth = {r.file_name: len(r.nodules) for r in phantoms.records}
    assert [len(d.candidates) for d in said] == [truth[d.image_id] for d in said]


def test_classical_on_found_boxes_keeps_the_finder_s_boxes(phantoms: Dataset, budget: Budget) -> None:
    known = catalogue()
    finder, learner = _run(known["usnet"], phantoms, budget), _run(known["bayes"], phantoms, budget)
    for a, b in zip(finder, learner, strict=True):
        assert len(a.candidates) == len(b.candidates)
        for f, g in zip(a.candidates, b.candidates, strict=True):
            assert np.allclose(f.box.as_list(), g.box.as_list(), atol=1e-2)
            assert f.score == pytest.approx(g.score, abs=2e-3)


@pytest.mark.parametrize("name", ["size", "shape", "birads", "prevalence"])
def test_trivial(name: str, phantoms: Dataset, budget: Budget) -> None:
    assert _run(catalogue()[name], phantoms, budget)


def test_size_knows_nothing_of_a_normal_image(phantoms: Dataset) -> None:
    method = catalogue()["size"]
    fitted = method.fit(phantoms)
    normal = next(r for r in phantoms.records if r.label == "normal")
    frame = images.read(phantoms.path(normal))
    with pytest.raises(NoOpinion):
        fitted.diagnose(frame, normal)
    with pytest.raises(NoOpinion):
        fitted.diagnose(frame)


def test_one_number_follows_its_direction(phantoms: Dataset) -> None:
    """A number that falls with malignancy gets a falling curve: nothing has to be turned round by hand."""
    truth = {r.file_name: r.label == "malignant" for r in phantoms.records}
    method = OneNumber("falling", "", "trivial", "truth", lambda r: -2.0 * truth[r.file_name] + 0.01 * r.image_id)
    fitted = method.fit(phantoms)
    rows = {
        r.label: fitted.diagnose(images.read(phantoms.path(r)), r).p_malignant for r in phantoms.records if r.nodules
    }
    assert rows["malignant"] > rows["benign"]


@pytest.mark.parametrize("name", ["gamma-0", "without-stride-4"])
def test_the_smallest_ablations(name: str, few: Dataset, budget: Budget) -> None:
    assert _run(catalogue()[name], few, budget)


@pytest.mark.parametrize(
    ("name", "size", "sizes"),
    [
        ("without-stride-4", 128, (24.0, 64.0)),
        ("without-stride-4", 256, (48.0, 128.0)),
        ("levels-5", 128, (8.0, 16.0, 32.0, 56.0, 88.0)),
        ("input-256", 128, (16.0, 48.0, 128.0)),
        ("input-512", 256, (32.0, 96.0, 256.0)),
        ("gamma-0", 128, (5.0, 6.0, 7.0)),
    ],
)
def test_anchors_of_an_ablation_grow_with_its_input(name: str, size: int, sizes: tuple[float, ...]) -> None:
    """At 128 pixels a row's anchors once stayed those of 256, so levels and anchors were changed together."""
    own = "[5.0, 6.0, 7.0]" if name == "gamma-0" else str([s * size / 256 for s in (16.0, 48.0, 128.0)])
    config = changed(RunConfig(), [f"network.anchors.image_size={size}", f"network.anchors.sizes={own}"])
    row = catalogue()[name]
    assert isinstance(row, Network)
    assert ablated(config, row.overrides).network.anchors.sizes == sizes


@pytest.mark.slow
@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_runs_or_is_usnet_itself(name: str, few: Dataset, budget: Budget) -> None:
    """On a budget with every augmentation switched on."""
    off = ("gain", "contrast", "tgc", "speckle", "blur", "calipers")
    everything = Budget(changed(budget.config, [f"augment.{key}=0.5" for key in off]))
    if name in ("gamma-3", "with-vertical-flip", "with-quarter-turns"):
        with pytest.raises(Unchanged):
            catalogue()[name].fit(few, budget=everything)
    else:
        assert _run(catalogue()[name], few, everything)


def test_five_levels_give_an_anchor_each() -> None:
    import torch

    from usnet.anchors import AnchorSpec
    from usnet.comparators.usnet_network import Levels
    from usnet.models.config import NetworkConfig

    spec = AnchorSpec(image_size=128, strides=(4, 8, 16, 32, 64), sizes=(16.0, 32.0, 64.0, 96.0, 120.0))
    narrow = {"pyramid_channels": 16, "head_channels": 16, "head_depth": 1}
    torch.manual_seed(0)
    network = Levels(NetworkConfig(backbone="resnet18", anchors=spec, **narrow)).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        logits, deltas = network(torch.zeros(1, 1, 128, 128))
    assert logits.shape == (1, spec.total, 2)
    assert deltas.shape == (1, spec.total, 4)
    assert float(torch.sigmoid(logits).max()) < 0.1  # the prior is 0.01, and black pixels move it a little


def test_an_ablation_that_changes_nothing_is_refused(phantoms: Dataset, budget: Budget) -> None:
    with pytest.raises(Unchanged, match="changes nothing"):
        catalogue()["gamma-3"].fit(phantoms, budget=budget)


def test_a_missing_library_is_named_with_its_extra(phantoms: Dataset, budget: Budget) -> None:
    method = Network("detr-like", "", "detector", modules=("no_such_library",), extra="detr")
    with pytest.raises(MissingExtra, match=r"no_such_library.*\[detr\]"):
        method.fit(phantoms, budget=budget)


def test_rt_detr_is_refused_without_transformers(
    phantoms: Dataset, budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usnet.extras.find_spec", lambda name: None if name == "transformers" else find_spec(name))
    with pytest.raises(MissingExtra, match="transformers"):
        catalogue()["rt-detr"].fit(phantoms, budget=budget)


def test_no_validation_split_is_an_error(phantoms: Dataset, budget: Budget) -> None:
    bare = phantoms.with_records(r for r in phantoms.records if r.split != "val")
    with pytest.raises(DataError, match="'val'"):
        catalogue(boxes="given")["bayes-given"].fit(bare, budget=budget)


def test_choosing() -> None:
    known = catalogue()
    assert [m.name for m in chosen(known, "svm")] == ["usnet", "svm"]
    assert len(chosen(known, "all")) == len(known)
    for family in FAMILIES[:-1]:
        assert {m.kind for m in chosen(known, family)} == {"usnet", family}
    with pytest.raises(ConfigError, match="no method yolov8"):
        chosen(known, "yolov8, svm")
    with pytest.raises(ConfigError):
        catalogue(boxes="guessed")
    assert len(catalogue(boxes=BOXES[2])) == len(known) + 7


@pytest.mark.parametrize("text", ["[row]\nsays = 1\nset = []", "no toml [", "[row]\nsays = 'x'"])
def test_bad_ablations(text: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "rows.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"rows\.toml"):
        catalogue(ablations=path)
