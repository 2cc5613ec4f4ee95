"""What validation says after each epoch: AP of both classes, AUC of malignant against benign, and one score to keep by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt

from usnet.bundles.decode import Candidates, candidates
from usnet.bundles.manifest import Postprocessing
from usnet.models.matching import PADDING
from usnet.statistics.detection import average_precision, match
from usnet.statistics.roc import auc
from usnet.training.cache import Cache
from usnet.training.config import RunConfig
from usnet.training.module import Batch


@dataclass(frozen=True, slots=True)
class Scores:
    """``ap`` is the mean 11-point AP of both classes at IoU 0.5, ``auc`` malignant against benign by the strongest box's log ratio,
    ``found`` the share of nodule images whose strongest box lies on a nodule. ``None`` where a class is missing."""

    ap_benign: float | None
    ap_malignant: float | None
    auc: float | None
    found: float | None

    @property
    def score(self) -> float:
        """Mean of what is known: higher is better."""
        known = [v for v in (self.ap_benign, self.ap_malignant, self.auc) if v is not None]
        return float(np.mean(known)) if known else 0.0


def score(found: Sequence[Candidates], cache: Cache, indices: Sequence[int]) -> Scores:
    """Scores of ``found``, the candidates of the cache's images ``indices``."""
    per_class = []
    for kind in (0, 1):
        rows = [
            (c.boxes.astype(float), c.class_scores[:, kind].astype(float), _boxes(cache, i, kind))
            for c, i in zip(found, indices, strict=True)
        ]
        per_class.append(average_precision(match(rows, 0.5)) if any(len(t) for _, _, t in rows) else None)
    labels = np.array([cache.labels[i] for i in indices])
    nodule = labels != "normal"
    malignant = labels[nodule] == "malignant"
    ratio = np.array([c.log_ratio[0] if len(c.boxes) else 0.0 for c in found])[nodule]
    both = malignant.any() and not malignant.all()
    hits = [
        bool(match([(c.boxes[:1].astype(float), c.scores[:1].astype(float), _boxes(cache, i, None))], 0.5).hit.any())
        for c, i in zip(found, indices, strict=True)
        if cache.labels[i] != "normal"
    ]
    return Scores(
        ap_benign=per_class[0],
        ap_malignant=per_class[1],
        auc=auc(malignant, ratio).value if both else None,
        found=float(np.mean(hits)) if hits else None,
    )


def _boxes(cache: Cache, index: int, kind: int | None) -> npt.NDArray[np.float64]:
    classes = cache.classes[index]
    chosen = classes != PADDING if kind is None else classes == kind
    return np.asarray(cache.boxes[index][chosen], dtype=np.float64)


class ValidationScores(L.Callback):
    """Collects validation heads, decodes them as serving does, and logs :class:`Scores` as ``val/...``."""

    def __init__(self, config: RunConfig) -> None:
        self.spec = config.network.anchors
        self.settings = Postprocessing()
        self.found: list[Candidates] = []
        self.indices: list[int] = []

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning's hook."""
        self.found, self.indices = [], []

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Lightning's hook."""
        logits, deltas = (outputs[name].cpu().numpy() for name in ("logits", "deltas"))
        self.found += [candidates(a, b, self.spec, self.settings) for a, b in zip(logits, deltas, strict=True)]
        self.indices += batch.indices

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning's hook."""
        cache = trainer.datamodule.val  # type: ignore[attr-defined]
        scores = score(self.found, cache, self.indices)
        named = {
            "ap_benign": scores.ap_benign,
            "ap_malignant": scores.ap_malignant,
            "auc": scores.auc,
            "found": scores.found,
        }
        for name, value in named.items():
            if value is not None:
                pl_module.log(
                    f"val/{name}",
                    value,
                    prog_bar=name in ("auc", "ap_malignant"),
                    rank_zero_only=False,
                    sync_dist=False,
                )
        pl_module.log("val/score", scores.score, prog_bar=True)
