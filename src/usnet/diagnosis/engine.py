"""Run a bundle's ``model.onnx`` without torch: ONNX Runtime or OpenVINO behind one call, always in float32 on the CPU."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from usnet.bundles import Bundle
from usnet.bundles.storage import MODEL
from usnet.errors import BundleError, ConfigError, MissingExtra

FloatArray = npt.NDArray[np.float32]
EngineName = Literal["auto", "onnxruntime", "openvino"]

ENGINES: tuple[EngineName, ...] = ("auto", "onnxruntime", "openvino")
OUTPUTS = ("logits", "deltas")


class Engine(Protocol):
    """Something that runs the network. ``description`` goes into run records: library, version, device, precision."""

    @property
    def description(self) -> str:
        """For example ``onnxruntime 1.32.0, CPU, f32``."""

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``batch [N, 1, S, S]`` in [0, 1] to ``logits [N, A, 2]`` and ``deltas [N, A, 4]``."""


def open_engine(bundle: Bundle, name: str = "auto", threads: int | None = None) -> Engine:
    """The engine for a bundle.

    Parameters
    ----------
    name
        ``onnxruntime``, ``openvino`` (needs the extra of that name) or ``auto``, which is ONNX Runtime: OpenVINO in float32
        was measured to be about as fast, and ONNX Runtime is in every installation.
    threads
        Threads inside one operation; ``None`` takes the engine's own default, which is one a physical core.

    Raises
    ------
    BundleError
        The model cannot be loaded, or its inputs and outputs are not those of a usnet bundle.
    ConfigError
        No engine has that name.
    MissingExtra
        The engine's library is not installed.
    """
    if name not in ENGINES:
        raise ConfigError(f"no engine {name!r}", expected=f"one of {', '.join(ENGINES)}")
    if threads is not None and threads < 1:
        raise ConfigError(f"{threads} threads", expected="at least 1")
    kind = OpenVinoEngine if name == "openvino" else OnnxRuntimeEngine
    return kind(bundle, threads)


def onnx_session(bundle: Bundle, file: str, threads: int | None = None) -> Any:
    """A running ONNX Runtime session of one network of a bundle, in float32 on the CPU.

    Raises
    ------
    BundleError
        The file is damaged or cannot be loaded.
    """
    import onnxruntime

    content = bundle.read(file)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # waiting threads sleep: same time, half the processor time, which the reading thread can use
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise _not_loadable(bundle, error, file) from error


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        import onnxruntime

        self._session = onnx_session(bundle, MODEL, threads)
        _check(bundle, _names(self._session.get_inputs()), _names(self._session.get_outputs()))
        self.description = f"onnxruntime {onnxruntime.__version__}, CPU, f32"

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See :class:`Engine`."""
        logits, deltas = self._session.run(list(OUTPUTS), {"image": batch})
        return logits, deltas


class OpenVinoEngine:
    """OpenVINO on the CPU.

    The precision is set to f32: left alone, OpenVINO runs bf16 on CPUs that have it, which moved raw heads by up to 0.04.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        openvino = _import_openvino()
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        core = openvino.Core()
        model = bundle.read(MODEL)
        try:
            self._model = core.compile_model(core.read_model(model), "CPU", settings)
        except Exception as error:  # openvino raises RuntimeError and its own classes
            raise _not_loadable(bundle, error) from error
        _check(bundle, [p.any_name for p in self._model.inputs], [p.any_name for p in self._model.outputs])
        self.description = f"openvino {openvino.get_version().split('-')[0]}, CPU, f32"

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See :class:`Engine`."""
        result = self._model({"image": batch})
        return np.array(result["logits"]), np.array(result["deltas"])


def _import_openvino() -> Any:
    """OpenVINO without its telemetry: its converter tools fall back to their own stub where that package is missing."""
    if importlib.util.find_spec("openvino") is None:
        raise MissingExtra("openvino is not installed", hint="Install usnet[openvino], or use --engine onnxruntime")
    blocked = "openvino_telemetry" not in sys.modules
    if blocked:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        if blocked:
            del sys.modules["openvino_telemetry"]


def _names(arguments: list[Any]) -> list[str]:
    return [argument.name for argument in arguments]


def _check(bundle: Bundle, inputs: list[str], outputs: list[str]) -> None:
    if inputs != ["image"] or not set(OUTPUTS) <= set(outputs):
        raise BundleError(
            f"{MODEL} takes {', '.join(inputs)} and gives {', '.join(outputs)}",
            source=bundle.path,
            expected="input image, outputs logits and deltas",
            hint="Make the bundle with 'usnet export'",
        )


def _not_loadable(bundle: Bundle, error: Exception, file: str = MODEL) -> BundleError:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return BundleError(f"{file} cannot be loaded ({first_line})", source=bundle.path, hint="Export the bundle again")
