"""Run a bundle's network without torch: ONNX Runtime or OpenVINO behind one call."""

from __future__ import annotations

from usnet.diagnosis.engine.choice import DEVICES, ENGINES, PRECISIONS, Choice, choose
from usnet.diagnosis.engine.protocol import OUTPUTS, Engine, Network
from usnet.diagnosis.engine.runtime import open_chosen, open_engine, open_network

__all__ = [
    "DEVICES",
    "ENGINES",
    "OUTPUTS",
    "PRECISIONS",
    "Choice",
    "Engine",
    "Network",
    "choose",
    "open_chosen",
    "open_engine",
    "open_network",
]
