"""usnet: nodules in breast ultrasound, found, told benign from malignant, and measured.

``usnet.diagnose(path)`` runs the shipped model on one image. Everything is imported where it is used, so that
``import usnet`` costs nothing.
"""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from usnet.diagnosis import diagnose as diagnose
    from usnet.errors import UsnetError as UsnetError
    from usnet.values import Box as Box
    from usnet.values import Diagnosis as Diagnosis
    from usnet.values import Finding as Finding
    from usnet.values import Frame as Frame
    from usnet.values import Nodule as Nodule

__version__ = "0.1.0"

_HOMES = {
    "diagnose": "usnet.diagnosis",
    "UsnetError": "usnet.errors",
    "Box": "usnet.values",
    "Diagnosis": "usnet.values",
    "Finding": "usnet.values",
    "Frame": "usnet.values",
    "Nodule": "usnet.values",
}
__all__ = ["__version__", *_HOMES]

logging.getLogger(__name__).addHandler(logging.NullHandler())

# onnxruntime's wheels carry a usage collector that reads this when it is first imported. Nothing leaves a hospital from here.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
