"""What a model is worth: opinions against truth, with intervals, and thresholds chosen on validation data."""

from __future__ import annotations

from usnet.evaluation.assess import Evaluation, evaluate
from usnet.evaluation.metric import Metric

__all__ = ["Evaluation", "Metric", "evaluate"]
