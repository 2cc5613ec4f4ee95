"""Real training, small: overfits a batch, resumes to the same weights, two processes give one process's curve."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from usnet.bundles import load as load_bundle  # noqa: E402
from usnet.bundles.decode import candidates  # noqa: E402
from usnet.bundles.manifest import Postprocessing  # noqa: E402
from usnet.datasets.records import Dataset  # noqa: E402
from usnet.errors import ConfigError, DataError  # noqa: E402
from usnet.models.loss import detection_loss  # noqa: E402
from usnet.models.matching import match  # noqa: E402
from usnet.training.cache import build_cache  # noqa: E402
from usnet.training.config import load_config  # noqa: E402
from usnet.training.curves import read_metrics  # noqa: E402
from usnet.training.finish import finish  # noqa: E402
from usnet.training.module import Detector, DivergedTraining  # noqa: E402
from usnet.training.run import train  # noqa: E402
from usnet.training.validation import score  # noqa: E402

pytestmark = pytest.mark.train


def losses(run: Path) -> list[float]:
    return [value for _, value in read_metrics(run)["train/loss"]]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
def test_one_batch_is_overfitted_to_ap_1(phantoms: Dataset, tiny: list[str]) -> None:
    config = load_config(None, [*tiny, "network.norm=group"])
    records = [r for r in phantoms.records if r.label != "normal"][:3] + [
        r for r in phantoms.records if r.label == "normal"
    ][:1]
    cache = build_cache([(phantoms, records)], 128, "letterbox", jobs=1)
    torch.manual_seed(0)
    detector = Detector(config, 1)
    pixels = torch.from_numpy(cache.pixels)[:, None].float() / 255
    targets = match(
        detector.anchors,
        torch.from_numpy(cache.boxes),
        torch.from_numpy(cache.classes),
        config.network.anchors,
        config.loss,
    )
    optimiser = torch.optim.AdamW(detector.parameters(), lr=2e-3)
    for _ in range(150):
        loss = sum(detection_loss(*detector(pixels), targets, config.loss).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        heads = [h.numpy() for h in detector.eval()(pixels)]
    found = [candidates(a, b, config.network.anchors, Postprocessing()) for a, b in zip(*heads, strict=True)]
    scores = score(found, cache, range(4))
    known = [v for v in (scores.ap_benign, scores.ap_malignant) if v is not None]
    assert known
    assert known == [1.0] * len(known)
    assert scores.found == 1.0
    assert all(f.scores.max(initial=0) < 0.3 for f, label in zip(found, cache.labels, strict=True) if label == "normal")


def test_four_epochs_equal_two_and_two_more(phantoms: Dataset, tiny: list[str], tmp_path: Path) -> None:
    config = load_config(None, [*tiny, "training.epochs=4"])
    train(config, [phantoms], tmp_path / "straight")
    train(config, [phantoms], tmp_path / "halves", stop_after=2)
    train(config, [phantoms], tmp_path / "halves", resume=True)
    assert losses(tmp_path / "halves") == pytest.approx(losses(tmp_path / "straight"), rel=1e-5)
    assert len(losses(tmp_path / "halves")) == 4
    straight, halves = weights(tmp_path / "straight"), weights(tmp_path / "halves")
    for name, tensor in straight.items():
        assert torch.allclose(tensor.float(), halves[name].float(), atol=1e-6), name


def test_a_run_ends_in_a_bundle_that_opens_without_torch(phantoms: Dataset, tiny: list[str], tmp_path: Path) -> None:
    config = load_config(None, [*tiny, "training.epochs=1"])
    train(config, [phantoms], tmp_path / "run")
    bundle = finish(tmp_path / "run", [phantoms])
    for name in ("config.toml", "data.json", "environment.json", "metrics.csv", "curves.svg", "augmented.png"):
        assert (tmp_path / "run" / name).exists(), name
    manifest = load_bundle(bundle).manifest
    assert manifest.training["data"]["fingerprints"] == {phantoms.name: phantoms.fingerprint()}
    assert phantoms.name in manifest.operating_points[0].origin
    path = phantoms.path(phantoms.records[0])
    code = (
        "import sys; sys.modules['torch'] = None; import usnet; "
        f"d = usnet.diagnose({str(path)!r}, {str(bundle)!r}); print(d.model.name, d.p_benign + d.p_malignant + d.p_normal)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "tiny"
    assert float(said[1]) == pytest.approx(1)


@pytest.mark.slow
def test_a_compiled_run_with_a_fused_optimiser_has_the_plain_curve(
    phantoms: Dataset, tiny: list[str], tmp_path: Path
) -> None:
    settings = [*tiny, "training.epochs=2"]
    train(load_config(None, settings), [phantoms], tmp_path / "plain")
    fast = [*settings, "training.fused=true", "training.compiled=true"]
    compiled = train(load_config(None, fast), [phantoms], tmp_path / "fast")
    assert compiled.network._compiled_call_impl is not None
    assert losses(tmp_path / "fast") == pytest.approx(losses(tmp_path / "plain"), rel=1e-3)
    assert weights(tmp_path / "fast").keys() == weights(tmp_path / "plain").keys()
    assert load_bundle(finish(tmp_path / "fast", [phantoms])).manifest.name == "tiny"


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one(phantoms: Dataset, tiny: list[str], tmp_path: Path) -> None:
    """Group norm, because batch norm sees another batch on each process."""
    settings = [*tiny, "network.norm='group'", "training.epochs=2", "training.ema_decay=0.0"]
    train(load_config(None, settings), [phantoms], tmp_path / "one")
    command = [sys.executable, "-m", "usnet", "train", "--data", str(phantoms.root), "--out", str(tmp_path / "two")]
    command += ["--accelerator", "cpu", "--devices", "2"]
    for setting in settings:
        command += ["--set", setting]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=300)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=2e-3)


def test_a_loss_that_is_not_finite_stops_the_run(phantoms: Dataset, tiny: list[str], tmp_path: Path) -> None:
    config = load_config(None, [*tiny, "training.learning_rate=1e12", "training.clip_norm=1e30", "training.epochs=3"])
    with pytest.raises(DivergedTraining, match="Lower training"):
        train(config, [phantoms], tmp_path / "run")


def test_a_folder_is_not_trained_over_and_resume_wants_the_same_run(
    phantoms: Dataset, tiny: list[str], tmp_path: Path
) -> None:
    config = load_config(None, [*tiny, "training.epochs=1"])
    train(config, [phantoms], tmp_path / "run")
    with pytest.raises(ConfigError, match="already holds a run"):
        train(config, [phantoms], tmp_path / "run")
    with pytest.raises(ConfigError, match="configuration differs"):
        train(load_config(None, [*tiny, "training.epochs=2"]), [phantoms], tmp_path / "run", resume=True)
    with pytest.raises(ConfigError, match=r"no checkpoints/last.ckpt"):
        train(config, [phantoms], tmp_path / "elsewhere", resume=True)


def test_data_without_a_split_are_refused(phantoms: Dataset, tiny: list[str], tmp_path: Path) -> None:
    bare = phantoms.with_records(replace(r, split=None) for r in phantoms.records)
    with pytest.raises(DataError, match="usnet data split"):
        train(load_config(None, tiny), [bare], tmp_path / "run")


def test_validation_without_a_class_is_refused_before_training(
    phantoms: Dataset, tiny: list[str], tmp_path: Path
) -> None:
    poor = phantoms.with_records(r for r in phantoms.records if r.split == "train" or r.label != "malignant")
    with pytest.raises(DataError, match="no malignant image in split 'val'"):
        train(load_config(None, tiny), [poor], tmp_path / "run")


def test_the_cache_holds_what_serving_sees(phantoms: Dataset) -> None:
    from usnet import images

    cache = build_cache([(phantoms, phantoms.records[:4])], 128, "letterbox", jobs=1)
    for i, record in enumerate(phantoms.records[:4]):
        served, _ = images.letterbox(images.read(phantoms.path(record)).pixels, 128)
        assert np.array_equal(images.to_float(cache.pixels[i]), served)


def test_a_contradicting_label_is_refused(phantoms: Dataset) -> None:
    wrong = [replace(r, label="normal") for r in phantoms.records if r.nodules][:1]
    with pytest.raises(DataError, match="labelled normal but has a box"):
        build_cache([(phantoms, wrong)], 128, "letterbox", jobs=1)
