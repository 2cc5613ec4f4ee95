"""A bundle with an int8 or bf16 statement: accuracy on validation images decides, and is stored."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from usnet import images
from usnet.bundles import Bundle, load, write
from usnet.bundles.manifest import AGREEMENT, LowerPrecision, SecondLook
from usnet.bundles.storage import MODEL
from usnet.datasets.merge import merge
from usnet.datasets.records import Dataset
from usnet.diagnosis import Diagnoser, Item
from usnet.diagnosis.crops import look_input
from usnet.diagnosis.engine import Choice, Engine, open_chosen
from usnet.diagnosis.second_look import INPUT
from usnet.errors import ConfigError, DataError, UsnetError
from usnet.evaluation import evaluate
from usnet.training.quantise.graph import KEPT, folded, to_int8
from usnet.values import Diagnosis

logger = logging.getLogger(__name__)

T = TypeVar("T")
Precision = Literal["int8", "bf16"]
EngineOf = Literal["onnxruntime", "openvino"]
Tell = Callable[[str], None]
INT8, LOOK_INT8 = "model.int8.onnx", "second_look.int8.onnx"


@dataclass(frozen=True, slots=True)
class _Trial:
    """Networks below float32 by file name (none for bf16), and what stays in float32."""

    files: dict[str, bytes]
    kept: tuple[str, ...]


class PrecisionDisagrees(UsnetError):
    """A lower precision gives other findings than float32."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """``ap`` mean 11-point AP of both classes at IoU 0.5, ``auc`` malignant against benign over images."""

    ap: float
    auc: float


def lower(
    bundle: Bundle,
    datasets: Sequence[Dataset],
    out: Path,
    *,
    precision: Precision = "int8",
    examples: int = 100,
    tell: Tell = logger.info,
) -> Path:
    """Write a copy of ``bundle`` that may run in ``precision``, with what was measured, and return its path.

    int8 runs in ONNX Runtime. Its ranges come from ``examples`` images of split train, and from as many of its nodules for the
    second look. Parts are put back to float32 (the second look, then :data:`~usnet.training.quantise.graph.KEPT`) until AP and AUC
    on the images of split val are within :data:`~usnet.bundles.manifest.AGREEMENT` of float32's. bf16 is OpenVINO's own, as it is.

    Raises
    ------
    PrecisionDisagrees
        No trial agreed; nothing is written.
    DataError
        The splits hold too little to measure or to calibrate on.
    """
    if precision not in ("int8", "bf16"):
        raise ConfigError(f"no precision {precision!r}", expected="int8 or bf16")
    with tempfile.TemporaryDirectory() as folder:
        checked = _validation(datasets, Path(folder))
        reference = accuracy(bundle, checked, _engine(bundle, "onnxruntime", "f32", MODEL))
        tell(f"f32: AP {reference.ap:.4f}, AUC {reference.auc:.4f} on {len(checked.records)} validation images")
        names = f"split val of {', '.join(d.name for d in datasets)}"
        engine: EngineOf = "openvino" if precision == "bf16" else "onnxruntime"
        for trial in _trials(bundle, datasets, precision, examples):
            draft = _with(bundle, trial.files, Path(folder) / "draft")
            file, look = (
                (MODEL, None) if precision == "bf16" else (INT8, LOOK_INT8 if LOOK_INT8 in trial.files else None)
            )
            found = accuracy(draft, checked, _engine(draft, engine, precision, file, look))
            tell(f"{precision}, {', '.join(trial.kept) or 'nothing'} in f32: AP {found.ap:.4f}, AUC {found.auc:.4f}")
            stated = LowerPrecision(
                precision=precision,
                engine=engine,
                file=file,
                second_look=look,
                model_sha256=bundle.identity.sha256,
                images=len(checked.records),
                kept_f32=trial.kept,
                origin=names,
                **_both(found, reference),
            )
            if stated.agrees:
                return _write(bundle, stated, trial.files, out)
    raise PrecisionDisagrees(
        f"{precision} changes AP or AUC by more than {AGREEMENT:g} on validation images",
        source=bundle.path,
        hint="Stay with f32",
    )


def _both(found: Accuracy, reference: Accuracy) -> dict[str, Any]:
    return {"ap": found.ap, "ap_f32": reference.ap, "auc": found.auc, "auc_f32": reference.auc}


def accuracy(bundle: Bundle, dataset: Dataset, engine: Engine) -> Accuracy:
    """AP and AUC of a running engine on all images of a dataset.

    Raises
    ------
    DataError
        One of the two cannot be estimated on these images.
    """
    diagnoser = Diagnoser(bundle, engine=engine, gate=False)
    results = diagnoser.stream(Item(dataset.path(r), r.file_name) for r in dataset.records)
    measured = evaluate(dataset, [r for r in results if isinstance(r, Diagnosis)], bootstrap=0)
    ap = next((m.value for m in measured.metrics if m.name == "map11" and m.subgroup == "all"), None)
    auc = measured.metric("auc", "malignant v benign", unit="image")
    if ap is None or auc is None or auc.value is None:
        raise DataError(
            "AP and AUC cannot be measured on these images", source=dataset.root, expected="both classes in split val"
        )
    return Accuracy(ap, auc.value)


def _trials(bundle: Bundle, datasets: Sequence[Dataset], precision: Precision, examples: int) -> Iterator[_Trial]:
    """Networks to try, from the lowest to those that are nearest to float32."""
    if precision == "bf16":
        yield _Trial({}, ())
        return
    settings = bundle.manifest.second_look
    graph, inputs = folded(bundle.read(MODEL)), _inputs(bundle, datasets, examples)
    for kept in KEPT:
        content = to_int8(graph, inputs, kept)
        if settings is not None and kept == KEPT[0]:
            crops = _crops(settings, datasets, examples)
            look = to_int8(folded(bundle.read(settings.file)), crops, (), INPUT)
            yield _Trial({INT8: content, LOOK_INT8: look}, kept)
        yield _Trial({INT8: content}, kept if settings is None else (*kept, "second look"))


def _inputs(bundle: Bundle, datasets: Sequence[Dataset], count: int) -> list[npt.NDArray[np.float32]]:
    """Network inputs ``[1, 1, S, S]`` of images spread evenly over split train of all datasets."""
    places = [d.path(r) for d in datasets for r in d.select("train").records]
    settings = bundle.manifest.preprocessing
    frames = (images.read(place) for place in _spread(places, count))
    return [images.letterbox(frame.pixels, settings.size, settings.mode)[0][None] for frame in frames]


def _crops(settings: SecondLook, datasets: Sequence[Dataset], count: int) -> list[npt.NDArray[np.float32]]:
    """Inputs ``[1, 2, S, S]`` of the second look: true boxes spread evenly over split train of all datasets."""
    boxes = [(d.path(r), n.box) for d in datasets for r in d.select("train").records for n in r.nodules]
    chosen = _spread(boxes, count)
    return [look_input(images.read(p).pixels, box, settings.size, settings.margin)[None] for p, box in chosen]


def _spread(places: Sequence[T], count: int) -> list[T]:
    """``count`` of them at even distances, all where there are fewer."""
    if not places:
        raise DataError("no image in split 'train'", hint="Run 'usnet data split'")
    return [places[i] for i in np.unique(np.linspace(0, len(places) - 1, count).round().astype(int))]


def _validation(datasets: Sequence[Dataset], folder: Path) -> Dataset:
    """Split val of all datasets as one."""
    parts = [d.select("val") for d in datasets]
    if not any(p.records for p in parts):
        raise DataError("no image in split 'val'", hint="Run 'usnet data split' with --val")
    return parts[0] if len(parts) == 1 else merge(parts, folder / "val", link=True)


def _engine(bundle: Bundle, engine: str, precision: str, file: str, look: str | None = None) -> Engine:
    """An engine that runs what nothing is known of yet."""
    return open_chosen(bundle, Choice(engine, "cpu", precision, file, "measured for a statement", look))


def _with(bundle: Bundle, networks: dict[str, bytes], folder: Path) -> Bundle:
    return load(write(folder, bundle.manifest, _files(bundle) | networks))


def _write(bundle: Bundle, stated: LowerPrecision, networks: dict[str, bytes], out: Path) -> Path:
    others = tuple(p for p in bundle.manifest.precisions if p.precision != stated.precision)
    manifest = bundle.manifest.model_copy(update={"precisions": (stated, *others)})
    stale = {INT8, LOOK_INT8} if networks else set()
    kept = {name: content for name, content in _files(bundle).items() if name not in stale}
    return write(out, manifest, kept | networks)


def _files(bundle: Bundle) -> dict[str, Path | bytes]:
    return {name: bundle.read(name) for name in bundle.manifest.files}
