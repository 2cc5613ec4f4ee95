"""A detector's bundle and a trained second look become one bundle, fused and calibrated on validation images."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from usnet import images
from usnet.bundles import Bundle, load, write
from usnet.bundles.decode import candidates
from usnet.bundles.manifest import SecondLook
from usnet.datasets.records import Dataset, ImageRecord
from usnet.diagnosis.crops import look_input
from usnet.diagnosis.engine import Engine, open_engine
from usnet.diagnosis.second_look import INPUT, OUTPUT, SecondLooker
from usnet.errors import ConfigError, DataError
from usnet.evaluation import reference_scores
from usnet.models.onnx_export import check_parity, exported
from usnet.models.second_look import SecondLookConfig, SecondLookNetwork, Served
from usnet.training.config import read_config
from usnet.training.second_look.config import LookRunConfig
from usnet.training.second_look.fusing import LookedAt, fit_fusion, refitted
from usnet.training.second_look.run import INIT, trained_look
from usnet.values import corners_array

BATCH = 8


def attach(
    base: Bundle,
    runs: Sequence[Path],
    datasets: Sequence[Dataset],
    out: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the detector's bundle ``base`` with the second look of finished ``runs`` in it, and return its path.

    Several runs (other seeds) become one second look: the mean of their logits. Everything is fitted on the datasets' validation
    split, which neither network may have been trained on. Images go through the exported graphs, not through torch.

    Raises
    ------
    ExportDisagrees
        ONNX and torch outputs differ by more than 1e-4.
    ConfigError
        The runs see crops of different size or margin.
    DataError
        There are too few validation images to fuse on.
    """
    networks, crop = _trained(runs)
    served = Served(networks)
    content = exported(served, torch.zeros(2, 2, crop.size, crop.size), INPUT, [OUTPUT])
    parity = check_parity(served, content, _some_crops(datasets, crop))
    # reference scores are of the detector alone
    kept = [name for name in base.manifest.files if name != reference_scores.FILE]
    files: dict[str, Path | bytes] = {name: base.read(name) for name in kept}
    files["second_look.onnx"] = content  # its safetensors stay in the run folder: a bundle has to stay small
    training = {"runs": [_record(run) for run in runs], "onnx_parity": parity}
    settings = SecondLook(size=crop.size, margin=crop.margin, training=training)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    draft = base.manifest.model_copy(update={"second_look": settings, "created": created})
    with tempfile.TemporaryDirectory() as folder:
        seen = list(look_at(load(write(Path(folder) / "draft", draft, files)), settings, datasets, progress))
    names = f"validation split of {', '.join(d.name for d in datasets)}"
    settings = fit_fusion(seen, settings, names)
    return write(out, refitted(draft, seen, settings, names), files)


def _trained(runs: Sequence[Path]) -> tuple[list[SecondLookNetwork], SecondLookConfig]:
    """The networks of finished runs and the settings of the crop that they share."""
    networks = [trained_look(run)[0] for run in runs]
    first = networks[0].config
    for run, network in zip(runs, networks, strict=True):
        if (network.config.size, network.config.margin) != (first.size, first.margin):
            raise ConfigError(
                f"crops of {network.config.size} pixels with margin {network.config.margin:g}",
                source=run,
                expected=f"{first.size} and {first.margin:g} as in {runs[0]}",
                hint="Join runs that differ in nothing but the seed",
            )
    return networks, first


def _record(run: Path) -> dict[str, Any]:
    return {
        "config": read_config(LookRunConfig, run / "config.toml").model_dump(mode="json"),
        "data": json.loads((run / "data.json").read_text()),
        "environment": json.loads((run / "environment.json").read_text()),
        "init": json.loads((run / INIT).read_text()) if (run / INIT).exists() else None,
    }


def _some_crops(datasets: Sequence[Dataset], config: SecondLookConfig, count: int = 4) -> npt.NDArray[np.float32]:
    """``[count, 2, S, S]`` of validation nodules, to compare the exported graph on."""
    nodules = ((d.path(r), n.box) for d in datasets for r in d.select("val").records for n in r.nodules)
    crops = [look_input(images.read(p).pixels, b, config.size, config.margin) for p, b in islice(nodules, count)]
    if not crops:
        raise DataError("no nodule in split 'val'", hint="Run 'usnet data split' with --val")
    return np.stack(crops)


def look_at(
    bundle: Bundle,
    settings: SecondLook,
    datasets: Sequence[Dataset],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[LookedAt]:
    """Validation images through both networks of a bundle, as serving runs them."""
    engine, looker = open_engine(bundle), SecondLooker(bundle, settings)
    records = [(d, r) for d in datasets for r in d.select("val").records if r.label is not None]
    if not records:
        raise DataError("no labelled image in split 'val'", hint="Run 'usnet data split' with --val")
    for start in range(0, len(records), BATCH):
        yield from _batch(bundle, engine, looker, records[start : start + BATCH])
        if progress:
            progress(min(start + BATCH, len(records)), len(records))


def _batch(
    bundle: Bundle, engine: Engine, looker: SecondLooker, records: Sequence[tuple[Dataset, ImageRecord]]
) -> Iterator[LookedAt]:
    manifest = bundle.manifest
    frames = [images.read(dataset.path(record)) for dataset, record in records]
    size, mode = manifest.preprocessing.size, manifest.preprocessing.mode
    inputs, transforms = zip(*(images.letterbox(f.pixels, size, mode) for f in frames), strict=True)
    heads = engine.run(np.stack(inputs))
    found = [candidates(a, b, manifest.anchors, manifest.postprocessing) for a, b in zip(*heads, strict=True)]
    looks = looker.looks(list(zip(frames, transforms, found, strict=True)))
    for (_, record), transform, candidate, look in zip(records, transforms, found, looks, strict=True):
        truth = transform.to_network(corners_array([n.box for n in record.nodules]))
        yield LookedAt(candidate, look, truth, record.label)
