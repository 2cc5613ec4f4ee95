"""What every training run keeps in its folder, and the Lightning trainer that fills it."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from pydantic import BaseModel

import usnet
from usnet.errors import ConfigError
from usnet.training.config import TrainingConfig, read_config, to_toml
from usnet.training.curves import METRICS


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where to train: Lightning's ``accelerator``, ``devices`` a machine and ``nodes``; more than one process means DDP."""

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1


def check_folder(config: BaseModel, out: Path, fingerprints: dict[str, str], resume: bool) -> Path:
    """The checkpoint to resume from, after making sure that a run may begin, or go on, in this folder.

    Raises
    ------
    ConfigError
        The folder already holds a run, or the run to resume has another configuration or other data.
    """
    checkpoint = out / "checkpoints" / "last.ckpt"
    if not resume:
        if checkpoint.exists():
            raise ConfigError("already holds a run", source=out, hint="Add --resume, or choose another --out")
        return checkpoint
    if not checkpoint.exists():
        raise ConfigError("no checkpoints/last.ckpt", source=out, expected="an interrupted run")
    if read_config(type(config), out / "config.toml") != config:
        raise ConfigError(
            "the configuration differs from the run's", source=out / "config.toml", hint="Resume with the same one"
        )
    if json.loads((out / "data.json").read_text())["fingerprints"] != fingerprints:
        raise ConfigError(
            "the data differ from the run's", source=out / "data.json", hint="Resume with the same datasets"
        )
    return checkpoint


def lightning_trainer(
    settings: TrainingConfig,
    out: Path,
    hardware: Hardware,
    *,
    callbacks: Sequence[Callback],
    monitor: str,
    stop_after: int | None,
) -> L.Trainer:
    """A trainer that logs to ``out``, keeps the last checkpoint and the one with the greatest ``monitor``, and averages weights."""
    callbacks = [
        *callbacks,
        ModelCheckpoint(
            out / "checkpoints",
            filename="best",
            monitor=monitor,
            mode="max",
            save_last=True,
            save_weights_only=False,
        ),
        TQDMProgressBar(refresh_rate=10),
    ]
    if settings.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=settings.ema_decay, update_starting_at_step=20))
    if settings.patience:
        callbacks.append(EarlyStopping(monitor, mode="max", patience=settings.patience))
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


def record(config: BaseModel, out: Path, fingerprints: dict[str, str], counts: dict[str, int]) -> None:
    """Write ``config.toml``, ``data.json`` (fingerprints and numbers of images) and ``environment.json``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.toml").write_text(to_toml(config), encoding="utf-8")
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
