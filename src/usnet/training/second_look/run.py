"""A training run of the second look: from datasets and a configuration to a run folder with curves and checkpoints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import lightning as L
import torch

from usnet.datasets.records import Dataset, Split
from usnet.errors import ConfigError
from usnet.models.half import round_to_half
from usnet.models.second_look import SecondLookNetwork
from usnet.models.weights import initialise, read_state, to_bytes
from usnet.training.config import read_config
from usnet.training.folder import Hardware, check_folder, keep_earlier_metrics, lightning_trainer, record
from usnet.training.recalibrate import measure_norms
from usnet.training.second_look.cache import build_crops
from usnet.training.second_look.config import LookRunConfig
from usnet.training.second_look.data import LookData, augmented
from usnet.training.second_look.module import Look

WEIGHTS = "second_look.safetensors"
INIT = "init.json"
"""Which weights a run started from; there is none for a run from nothing."""
SPLITS: tuple[Split, Split] = ("train", "val")


def look_data(
    config: LookRunConfig, datasets: Sequence[Dataset], progress: Callable[[int, int], None] | None = None
) -> LookData:
    """Training and validation crops of all datasets."""
    train, val = (build_crops(datasets, split, config, progress) for split in SPLITS)
    return LookData(train, val, config)


def train_look(
    config: LookRunConfig,
    datasets: Sequence[Dataset],
    out: Path,
    *,
    hardware: Hardware = Hardware(),
    init: Path | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Look:
    """Train and leave the run folder's checkpoints, curves, records and, once finished, its ``second_look.safetensors`` behind.

    The arguments are those of :func:`usnet.training.run.train`; ``init`` takes a detector's weights, whose backbone is the same.

    Raises
    ------
    ConfigError
        The folder already holds a run, or the run to resume has another configuration or other data.
    DataError
        A split lacks benign or malignant nodules.
    """
    fingerprints = {d.name: d.fingerprint() for d in datasets}
    checkpoint = check_folder(config, out, fingerprints, resume)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    L.seed_everything(config.training.seed, workers=True, verbose=False)
    data = look_data(config, datasets, progress)
    look = Look(config, data.steps_per_epoch * config.training.epochs)
    if init is not None and not resume:
        initialise(look.network, init)
        start = {"file": init.name, "sha256": hashlib.sha256(init.read_bytes()).hexdigest()}
        out.mkdir(parents=True, exist_ok=True)
        (out / INIT).write_text(json.dumps(start, indent=1) + "\n")
    if config.training.compiled:
        look.network.compile()
    record(config, out, fingerprints, {"train": len(data.train), "val": len(data.val)})
    keep_earlier_metrics(out)
    trainer = lightning_trainer(config.training, out, hardware, callbacks=(), monitor="val/auc", stop_after=stop_after)
    trainer.fit(look, datamodule=data, ckpt_path=checkpoint if resume else None, weights_only=resume or None)
    if trainer.is_global_zero and trainer.current_epoch >= config.training.epochs:
        finish_look(config, out, data)
    return look


def finish_look(config: LookRunConfig, run: Path, data: LookData, checkpoint: str | None = None) -> Path:
    """Write the run's ``second_look.safetensors``: averaged weights in 16 bits, norms measured anew on training crops.

    Raises
    ------
    ConfigError
        The run has no such checkpoint.
    """
    path = run / "checkpoints" / f"{checkpoint or config.training.keep}.ckpt"
    if not path.exists():
        raise ConfigError("no such checkpoint", source=path, hint="Is the run finished?")
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    network = SecondLookNetwork(config.network)
    network.load_state_dict({k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")})
    round_to_half(network)
    epoch = data.epoch(config.training.epochs)
    batches = (epoch[i] for i in range(min(100, len(epoch))))
    measure_norms(network, (augmented(batch, config, config.training.epochs) for batch in batches))
    target = run / WEIGHTS
    target.write_bytes(to_bytes(network))
    return target


def trained_look(run: Path) -> tuple[SecondLookNetwork, LookRunConfig]:
    """The network of a finished run in evaluation mode, and the run's configuration.

    Raises
    ------
    BundleError
        The run is not finished, or its weights are damaged.
    """
    config = read_config(LookRunConfig, run / "config.toml")
    network = SecondLookNetwork(config.network)
    network.load_state_dict(read_state(run / WEIGHTS))
    return network.eval(), config
