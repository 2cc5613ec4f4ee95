"""A training run: from datasets and a configuration to a run folder with curves, checkpoints and a bundle."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

import usnet
from usnet.datasets.records import Dataset, Split
from usnet.errors import ConfigError, DataError
from usnet.models.weights import initialise
from usnet.training.cache import Cache, build_cache
from usnet.training.config import RunConfig, load_config, to_toml
from usnet.training.curves import METRICS
from usnet.training.loader import Data
from usnet.training.module import Detector
from usnet.training.pictures import AugmentedBatches
from usnet.training.validation import ValidationScores
from usnet.values import PATHOLOGIES


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where to train: Lightning's ``accelerator``, ``devices`` a machine and ``nodes``; more than one process means DDP."""

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1


def caches(
    config: RunConfig, datasets: Sequence[Dataset], progress: Callable[[int, int], None] | None = None
) -> tuple[Cache, Cache]:
    """Training and validation images of all datasets.

    Raises
    ------
    DataError
        A dataset has no split, no image is left for training, or validation lacks benign or malignant images: found out here
        and not after a night of training.
    """
    for dataset in datasets:
        if not any(r.split for r in dataset.records):
            raise DataError("no image has a split", source=dataset.root, hint="Run 'usnet data split' first")
    size, mode = config.network.anchors.image_size, config.training.image_mode

    def part(split: Split) -> Cache:
        chosen = [(d, d.select(split).records) for d in datasets]
        if not any(records for _, records in chosen):
            raise DataError(f"no image in split {split!r}", hint="Run 'usnet data split' with --val")
        return build_cache(chosen, size, mode, progress=progress)

    train_cache, val_cache = part("train"), part("val")
    for label in PATHOLOGIES:
        if label not in val_cache.labels:
            raise DataError(f"no {label} image in split 'val'", expected="both, to choose thresholds on")
    return train_cache, val_cache


def train(
    config: RunConfig,
    datasets: Sequence[Dataset],
    out: Path,
    *,
    hardware: Hardware = Hardware(),
    init: Path | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Detector:
    """Train and leave the run folder's checkpoints, curves and records behind; returns the trained (averaged) detector.

    Parameters
    ----------
    out
        Run folder. Must be new unless ``resume``.
    init
        Weights to start from; see :func:`usnet.models.weights.initialise`.
    resume
        Go on from ``checkpoints/last.ckpt``; the configuration must be the one the run began with.
    stop_after
        Stop after this many epochs in total without changing the schedule, to go on later with ``resume``.

    Raises
    ------
    ConfigError
        The folder already holds a run, or the run to resume has another configuration or other data.
    """
    checkpoint = out / "checkpoints" / "last.ckpt"
    fingerprints = {d.name: d.fingerprint() for d in datasets}
    _check_folder(config, out, fingerprints, resume, checkpoint)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    L.seed_everything(config.training.seed, workers=True, verbose=False)
    data = Data(*caches(config, datasets, progress), config.training)
    detector = Detector(config, data.steps_per_epoch * config.training.epochs)
    if init is not None and not resume:
        initialise(detector.network, init)
    _record(config, out, fingerprints, data)
    keep_earlier_metrics(out)
    trainer = _trainer(config, out, hardware, stop_after)
    trainer.fit(detector, datamodule=data, ckpt_path=checkpoint if resume else None, weights_only=resume or None)
    return detector


def _check_folder(config: RunConfig, out: Path, fingerprints: dict[str, str], resume: bool, checkpoint: Path) -> None:
    if not resume:
        if checkpoint.exists():
            raise ConfigError("already holds a run", source=out, hint="Add --resume, or choose another --out")
        return
    if not checkpoint.exists():
        raise ConfigError("no checkpoints/last.ckpt", source=out, expected="an interrupted run")
    if load_config(out / "config.toml") != config:
        raise ConfigError(
            "the configuration differs from the run's", source=out / "config.toml", hint="Resume with the same one"
        )
    if json.loads((out / "data.json").read_text())["fingerprints"] != fingerprints:
        raise ConfigError(
            "the data differ from the run's", source=out / "data.json", hint="Resume with the same datasets"
        )


def _trainer(config: RunConfig, out: Path, hardware: Hardware, stop_after: int | None) -> L.Trainer:
    settings = config.training
    callbacks: list[Callback] = [
        ValidationScores(config),
        AugmentedBatches(out / "augmented.png"),
        ModelCheckpoint(
            out / "checkpoints",
            filename="best",
            monitor="val/score",
            mode="max",
            save_last=True,
            save_weights_only=False,
        ),
        TQDMProgressBar(refresh_rate=10),
    ]
    if settings.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=settings.ema_decay, update_starting_at_step=20))
    if settings.patience:
        callbacks.append(EarlyStopping("val/score", mode="max", patience=settings.patience))
    return L.Trainer(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy="ddp" if hardware.devices * hardware.nodes > 1 else "auto",
        precision=settings.precision,
        max_epochs=min(settings.epochs, stop_after or settings.epochs),
        gradient_clip_val=settings.clip_norm,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        logger=[CSVLogger(out, name=None, version=""), TensorBoardLogger(out, name=None, version="tensorboard")],
        callbacks=callbacks,
        enable_model_summary=False,
    )


def keep_earlier_metrics(out: Path) -> None:
    """Move ``metrics.csv`` of an interrupted run aside: Lightning's logger begins an empty one."""
    current = out / METRICS
    if current.exists():
        current.rename(out / f"metrics-{len(list(out.glob('metrics-*.csv'))) + 1:03d}.csv")


def _record(config: RunConfig, out: Path, fingerprints: dict[str, str], data: Data) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.toml").write_text(to_toml(config), encoding="utf-8")
    counts = {"train": len(data.train), "val": len(data.val)}
    (out / "data.json").write_text(json.dumps({"fingerprints": fingerprints, "images": counts}, indent=1) + "\n")
    (out / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n")


def environment() -> dict[str, Any]:
    """Versions, processor and, inside a checkout, the commit: what a run must be reported with."""
    found: dict[str, Any] = {
        "usnet": usnet.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    for package in ("torch", "torchvision", "lightning", "numpy", "onnxruntime"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        found["commit"] = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        found["commit"] = None
    return found
