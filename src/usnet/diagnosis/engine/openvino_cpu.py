"""OpenVINO on the CPU."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from usnet.bundles import Bundle
from usnet.diagnosis.engine.choice import Choice
from usnet.diagnosis.engine.protocol import FloatArray, check_names, not_loadable
from usnet.errors import ConfigError


class OpenVinoEngine:
    """OpenVINO on the CPU, in the precision that was chosen and no other.

    Left alone, OpenVINO runs bf16 on CPUs that have it, which moved raw heads by up to 0.04.
    """

    def __init__(self, bundle: Bundle, choice: Choice, threads: int | None = None) -> None:
        openvino = _import_openvino()
        core = openvino.Core()
        hint = (
            "bf16" if choice.precision == "bf16" else "f32"
        )  # int8 lies in the graph; what is left of it stays in f32
        if hint == "bf16" and not has_bf16():
            raise ConfigError("this CPU does not compute in bf16", hint="Use --precision f32")
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        content = bundle.read(choice.file)
        try:
            self._model = core.compile_model(core.read_model(content), "CPU", settings)
        except Exception as error:  # openvino raises RuntimeError and its own classes
            raise not_loadable(bundle, error, choice.file) from error
        inputs, outputs = ([p.any_name for p in ports] for ports in (self._model.inputs, self._model.outputs))
        check_names(bundle, choice.file, inputs, outputs)
        self.description = f"openvino {openvino.get_version().split('-')[0]}, CPU, {choice.precision}"
        self.reason = choice.reason

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See :class:`Engine`."""
        result = self._model({"image": batch})
        return np.array(result["logits"]), np.array(result["deltas"])


def has_bf16() -> bool:
    """Whether this CPU computes in bf16."""
    return "BF16" in _import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _import_openvino() -> Any:
    """OpenVINO without its telemetry: its converter tools fall back to their own stub where that package is missing."""
    blocked = "openvino_telemetry" not in sys.modules
    if blocked:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        if blocked:
            del sys.modules["openvino_telemetry"]
