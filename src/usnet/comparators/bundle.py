"""USNet as a bundle, and any other detector by its COCO results."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from usnet.bundles import load
from usnet.comparators.method import Budget, Fitted, Named
from usnet.comparators.overlap import one_box_a_nodule
from usnet.comparators.pool import frames, labelled
from usnet.comparators.serving import Seen, calibrated
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.diagnosis.pipeline import Diagnoser
from usnet.errors import DataError, UsnetError
from usnet.images.letterbox import plan
from usnet.values import Box, Diagnosis, Frame


@dataclass(frozen=True, slots=True)
class FromBundle(Named):
    """A trained bundle as it is: nothing is fitted, calibration and operating point are its own."""

    bundle: str | Path | None = None

    @property
    def trains(self) -> bool:
        """No."""
        return False

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> FittedBundle:
        """Open it."""
        opened = load(self.bundle)
        return FittedBundle(Diagnoser(opened, gate=False), _weights(opened.read("model.onnx")))


@dataclass(frozen=True, slots=True)
class FittedBundle:
    """A running bundle."""

    diagnoser: Diagnoser
    parameters: int | None

    def diagnose(self, frame: Frame, given: ImageRecord | None = None) -> Diagnosis:
        """The bundle's opinion; its gate refuses nothing here, because every method answers for every image."""
        start = time.perf_counter()
        said = self.diagnoser.diagnose(frame)
        name = frame.source if given is None else given.file_name
        return replace(said, image_id=name, seconds=time.perf_counter() - start)


def _weights(model: bytes) -> int | None:
    """Numbers in the graph's initialisers; ``None`` where onnx is not installed."""
    try:
        import onnx
    except ImportError:
        return None
    graph = onnx.load_model_from_string(model).graph
    return int(sum(np.prod(tensor.dims, dtype=np.int64) for tensor in graph.initializer))


@dataclass(frozen=True, slots=True)
class External(Named):
    """COCO results of any detector (Ultralytics', mmdetection's ...): a list of ``image_id, category_id, bbox, score``.

    Category 1 is benign, 2 malignant. The file must hold the validation images too, because calibration and thresholds are chosen
    there as for every other method.
    """

    predictions: Path = field(default=Path())

    @property
    def trains(self) -> bool:
        """No."""
        return False

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> Fitted:
        """Read the results and calibrate on the validation split.

        Raises
        ------
        DataError
            The file is no list of COCO results, or belongs to other images.
        """
        by_image = _read(self.predictions, dataset)
        size = budget.config.network.anchors.image_size

        def look(frame: Frame, given: ImageRecord | None) -> Seen:
            if given is None:
                raise UsnetError("results of a file need to know which image is meant", source=frame.source)
            transform = plan(frame.width, frame.height, size)
            rows = by_image.get(given.image_id, [])
            boxes = transform.to_network([r[0].corners for r in rows])
            kinds, scores = np.array([r[1] for r in rows], dtype=int), np.array([r[2] for r in rows], dtype=float)
            return Seen(one_box_a_nodule(boxes, kinds, scores), transform)

        validation = frames(dataset, labelled(dataset, "val"))
        return calibrated(self.name, look, validation, size=size, parameters=None)


def _read(path: Path, dataset: Dataset) -> dict[int, list[tuple[Box, int, float]]]:
    """Boxes, class (0 benign, 1 malignant) and score by COCO image id."""
    try:
        rows: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"not readable as JSON ({error})", source=path, expected="COCO results") from error
    if not isinstance(rows, list):
        raise DataError("not a list", source=path, expected="COCO results: a list of boxes")
    known = {r.image_id for r in dataset.records}
    found: dict[int, list[tuple[Box, int, float]]] = {}
    for number, row in enumerate(rows, 1):
        try:
            image, kind = int(row["image_id"]), int(row["category_id"]) - 1
            box, score = Box(*(float(v) for v in row["bbox"])), float(row["score"])
            wrong = kind not in (0, 1) or not 0 <= score <= 1
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{error!r}", source=path, row=number, expected="image_id, category_id, bbox, score"
            ) from error
        if wrong:
            text = f"category_id {kind + 1}, score {score}"
            raise DataError(text, source=path, row=number, expected="category 1 or 2, score in 0 to 1")
        if image not in known:
            raise DataError(f"image_id {image}", source=path, row=number, expected=f"an image of {dataset.name}")
        found.setdefault(image, []).append((box, kind, score))
    return found
