"""usnet: nodules in breast ultrasound, found, told benign from malignant, and measured.

``usnet.diagnose(path)`` runs the shipped model on one image. Heavy imports happen where they are used.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from usnet.errors import UsnetError
from usnet.values import Box, Diagnosis, Finding, Frame, Nodule

if TYPE_CHECKING:
    from usnet.diagnosis import diagnose as diagnose

__version__ = "0.1.0"
__all__ = ["Box", "Diagnosis", "Finding", "Frame", "Nodule", "UsnetError", "__version__", "diagnose"]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name == "diagnose":
        return import_module("usnet.diagnosis").diagnose
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
