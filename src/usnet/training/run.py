"""A training run: from datasets and a configuration to a run folder with curves, checkpoints and a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import lightning as L
import torch

from usnet.datasets.records import Dataset, Split
from usnet.errors import DataError
from usnet.models.weights import initialise
from usnet.training.cache import Cache, build_cache
from usnet.training.config import RunConfig
from usnet.training.folder import Hardware, check_folder, keep_earlier_metrics, lightning_trainer, record
from usnet.training.loader import Data
from usnet.training.module import Detector
from usnet.training.pictures import AugmentedBatches
from usnet.training.validation import ValidationScores
from usnet.values import PATHOLOGIES


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
    fingerprints = {d.name: d.fingerprint() for d in datasets}
    checkpoint = check_folder(config, out, fingerprints, resume)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    L.seed_everything(config.training.seed, workers=True, verbose=False)
    data = Data(*caches(config, datasets, progress), config.training)
    detector = Detector(config, data.steps_per_epoch * config.training.epochs)
    if init is not None and not resume:
        initialise(detector.network, init)
    if config.training.compiled:
        detector.network.compile()
    record(config, out, fingerprints, {"train": len(data.train), "val": len(data.val)})
    keep_earlier_metrics(out)
    callbacks = [ValidationScores(config), AugmentedBatches(out / "augmented.png")]
    trainer = lightning_trainer(
        config.training, out, hardware, callbacks=callbacks, monitor="val/score", stop_after=stop_after
    )
    trainer.fit(detector, datamodule=data, ckpt_path=checkpoint if resume else None, weights_only=resume or None)
    return detector
