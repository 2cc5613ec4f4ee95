"""Run a bundle's network without torch: ONNX Runtime or OpenVINO behind one call."""

from __future__ import annotations

from usnet.diagnosis.engine.choice import DEVICES, ENGINES, PRECISIONS, Choice, choose
from usnet.diagnosis.engine.protocol import OUTPUTS, Engine
from usnet.diagnosis.engine.runtime import onnx_session, open_chosen, open_engine

__all__ = [
    "DEVICES",
    "ENGINES",
    "OUTPUTS",
    "PRECISIONS",
    "Choice",
    "Engine",
    "choose",
    "onnx_session",
    "open_chosen",
    "open_engine",
]
