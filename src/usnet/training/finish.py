"""The end of a run: weights to ONNX, calibration and thresholds from validation, curves, a bundle that opens anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from usnet import images
from usnet.bundles import load, write
from usnet.bundles.decode import Candidates, candidates
from usnet.bundles.manifest import Manifest, Postprocessing, Preprocessing
from usnet.datasets.records import Dataset
from usnet.diagnosis.engine import open_engine
from usnet.errors import ConfigError
from usnet.evaluation.operating import ValidationImage, fit
from usnet.models.half import round_to_half
from usnet.models.matching import PADDING
from usnet.models.network import USNet
from usnet.models.onnx_export import check_parity, to_onnx
from usnet.models.weights import to_bytes
from usnet.training.cache import Cache
from usnet.training.config import RunConfig, load_config
from usnet.training.curves import draw_curves
from usnet.training.loader import Data
from usnet.training.recalibrate import recalibrate
from usnet.training.run import caches
from usnet.training.validation import score


def finish(
    run: Path,
    datasets: Sequence[Dataset],
    *,
    checkpoint: str | None = None,
    out: Path | None = None,
    data: Data | None = None,
) -> Path:
    """Write the bundle of a run folder and return its path.

    The averaged network's weights are rounded to 16 bits and its batch-norm statistics measured anew on training images (see
    :mod:`usnet.models.half` and :mod:`usnet.training.recalibrate`).

    Validation images go through the exported graph, not through torch, so that the thresholds belong to what is served.

    Parameters
    ----------
    checkpoint
        ``last`` or ``best``; ``None`` takes ``training.keep`` of the run's configuration.
    data
        The run's images where they are still in memory; read anew for ``None``.

    Raises
    ------
    ConfigError
        The folder holds no such checkpoint.
    ExportDisagrees
        ONNX and torch heads differ by more than 1e-4.
    """
    config = load_config(run / "config.toml")
    network = trained_network(config, run / "checkpoints" / f"{checkpoint or config.training.keep}.ckpt")
    if data is None:
        data = Data(*caches(config, datasets), config.training)
    cache = data.val
    round_to_half(network)
    measured = recalibrate(network, data, config)
    content = to_onnx(network)
    pictures = np.stack([images.to_float(p) for p in cache.pixels[:3]])
    parity = check_parity(network, content, pictures)
    files: dict[str, Path | bytes] = {"model.onnx": content, "weights.safetensors": to_bytes(network)}
    target = out or run / "bundle"
    draft = _manifest(config, run)
    found = _infer(write(target, draft, files), cache)
    names = ", ".join(d.name for d in datasets)
    calibration, points = fit(
        [_validation_image(c, cache, i) for i, c in enumerate(found)],
        data=f"validation split of {names}",
        nodule_sensitivity=config.training.nodule_sensitivity,
        wrong_boxes=config.training.wrong_boxes,
    )
    scores = score(found, cache, range(len(cache)))
    metrics = {
        "validation": asdict(scores) | {"images": len(cache), "data": names},
        "onnx_parity": parity,
        "norm_batches": measured,
    }
    chosen_points = {"operating_points": points, "default_operating_point": points[0].name}
    manifest = draft.model_copy(update={"calibration": calibration, "metrics": metrics} | chosen_points)
    draw_curves(run, run / "curves.svg")
    return write(target, manifest, files)


def trained_network(config: RunConfig, checkpoint: Path) -> USNet:
    """The network of a checkpoint, with its averaged weights where the run averaged."""
    if not checkpoint.exists():
        raise ConfigError("no such checkpoint", source=checkpoint, hint="Is the run finished?")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    network = USNet(config.network)
    prefix = "network."
    network.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    return network.eval()


def _manifest(config: RunConfig, run: Path) -> Manifest:
    training: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "data": json.loads((run / "data.json").read_text()),
        "environment": json.loads((run / "environment.json").read_text()),
    }
    return Manifest(
        name=config.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        preprocessing=Preprocessing(size=config.network.anchors.image_size, mode=config.training.image_mode),
        anchors=config.network.anchors,
        postprocessing=Postprocessing(),
        training=training,
    )


def _infer(bundle: Path, cache: Cache, batch: int = 16) -> list[Candidates]:
    opened = load(bundle)
    engine = open_engine(opened)
    found: list[Candidates] = []
    for start in range(0, len(cache), batch):
        pictures = np.stack([images.to_float(p) for p in cache.pixels[start : start + batch]])
        for logits, deltas in zip(*engine.run(pictures), strict=True):
            found.append(candidates(logits, deltas, opened.manifest.anchors, opened.manifest.postprocessing))
    return found


def _validation_image(found: Candidates, cache: Cache, index: int) -> ValidationImage:
    truth = cache.boxes[index][cache.classes[index] != PADDING]
    return ValidationImage(found.boxes, found.logits, truth, cache.labels[index])  # type: ignore[arg-type]
