"""Open the engine that was chosen; ONNX Runtime's own."""

from __future__ import annotations

import threading
from typing import Any

from usnet.bundles import Bundle
from usnet.diagnosis.engine.choice import PROVIDERS, Choice, choose
from usnet.diagnosis.engine.protocol import (
    OUTPUTS,
    Engine,
    FloatArray,
    Network,
    check_names,
    cpu_lanes,
    lane_threads,
    not_loadable,
)
from usnet.errors import ConfigError

_CUDA = {"use_tf32": "0"}
"""TF32 would round the products of f32 to 10 bits."""
_COREML = {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU", "AllowLowPrecisionAccumulationOnGPU": "0"}
"""Not its neural engine, which computes in half precision."""


def open_engine(
    bundle: Bundle,
    name: str = "auto",
    threads: int | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
) -> Engine:
    """The engine for a bundle; see :func:`usnet.diagnosis.engine.choice.choose` for what ``auto`` means.

    Parameters
    ----------
    name
        ``auto``, ``onnxruntime``, or ``openvino`` (needs the extra of that name).
    threads
        Threads inside one operation; ``None`` takes the engine's own default, which is one a physical core.
    device
        ``auto``, ``cpu``, ``cuda`` or ``coreml``.
    precision
        ``auto``, ``f32``, or ``bf16`` and ``int8``, which need a statement in the bundle.

    Raises
    ------
    BundleError
        The model cannot be loaded, or its inputs and outputs are not those of a usnet bundle.
    ConfigError
        No such engine, device or precision, or not here.
    MissingExtra
        The engine's library is not installed.
    """
    if threads is not None and threads < 1:
        raise ConfigError(f"{threads} threads", expected="at least 1")
    return open_chosen(bundle, choose(bundle, name, device, precision), threads, strict=device != "auto")


def open_chosen(bundle: Bundle, choice: Choice, threads: int | None = None, *, strict: bool = True) -> Engine:
    """The engine of a choice, whatever the bundle states.

    Where not ``strict``, a device that does not start gives way to the CPU.
    """
    if choice.engine == "openvino":
        from usnet.diagnosis.engine.openvino_cpu import OpenVinoEngine

        return OpenVinoEngine(bundle, choice, threads)
    return OnnxRuntimeEngine(bundle, choice, threads, strict=strict)


def open_network(bundle: Bundle, file: str, library: str, precision: str, threads: int | None = None) -> Network:
    """A further network of a bundle, on the CPU: in OpenVINO if that is the library, else in ONNX Runtime.

    Raises
    ------
    BundleError
        The file is damaged or cannot be loaded.
    """
    if library == "openvino":
        from usnet.diagnosis.engine.openvino_cpu import OpenVinoNetwork

        return OpenVinoNetwork(bundle, file, precision, threads)
    return OnnxRuntimeNetwork(bundle, file, precision, threads)


def onnx_session(bundle: Bundle, file: str, threads: int | None = None, device: str = "cpu") -> Any:
    """A running ONNX Runtime session of one network of a bundle.

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
    extra = {"cuda": _CUDA, "coreml": _COREML}.get(device)
    providers: list[Any] = [] if extra is None else [(PROVIDERS[device], extra)]
    try:
        return onnxruntime.InferenceSession(
            content, sess_options=options, providers=[*providers, "CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no base class
        raise not_loadable(bundle, error, file) from error


class OnnxRuntimeEngine:
    """ONNX Runtime, on the CPU or on a provider's device. ``lanes`` of an engine arranged for several callers is theirs."""

    def __init__(
        self,
        bundle: Bundle,
        choice: Choice,
        threads: int | None = None,
        *,
        strict: bool = False,
        lanes: int | None = None,
    ) -> None:
        self._session = onnx_session(bundle, choice.file, threads, choice.device)
        inputs, outputs = ([v.name for v in vs] for vs in (self._session.get_inputs(), self._session.get_outputs()))
        check_names(bundle, choice.file, inputs, outputs)
        device, reason = choice.device, choice.reason
        if device != "cpu" and self._session.get_providers()[0] != PROVIDERS[device]:  # its libraries are missing
            if strict:
                raise ConfigError(f"onnxruntime could not start {device}", hint="Use --device cpu")
            device, reason = "cpu", f"{reason}; {device} did not start"
        self.description = _described(device, choice.precision)
        self.reason = reason
        self.second_look = choice.second_look
        self.library = "onnxruntime"
        self.lanes = lanes or (cpu_lanes(threads) if device == "cpu" else 1)
        self._lock = threading.Lock()
        self._streaming = self if self.lanes == 1 or lanes else None
        self._made_from = bundle, choice, threads

    def side_by_side(self) -> OnnxRuntimeEngine:
        """See :class:`Engine`: the network loaded once more, so that each lane computes on its own threads and waits for none."""
        with self._lock:
            if self._streaming is None:
                bundle, choice, threads = self._made_from
                share = lane_threads(threads, self.lanes)
                self._streaming = OnnxRuntimeEngine(bundle, choice, share, lanes=self.lanes)
            return self._streaming

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See :class:`Engine`."""
        logits, deltas = self._session.run(list(OUTPUTS), {"image": batch})
        return logits, deltas


class OnnxRuntimeNetwork:
    """A further network of a bundle; see :class:`~usnet.diagnosis.engine.protocol.Network`."""

    def __init__(
        self, bundle: Bundle, file: str, precision: str, threads: int | None = None, *, arranged: bool = False
    ) -> None:
        self._session = onnx_session(bundle, file, threads)
        self.names = [v.name for v in (*self._session.get_inputs(), *self._session.get_outputs())]
        self.description = _described("cpu", precision)
        self._lock = threading.Lock()
        self._streaming = self if arranged or cpu_lanes(threads) == 1 else None
        self._made_from = bundle, file, precision, threads

    def side_by_side(self) -> OnnxRuntimeNetwork:
        """See :class:`~usnet.diagnosis.engine.protocol.Network`."""
        with self._lock:
            if self._streaming is None:
                bundle, file, precision, threads = self._made_from
                share = lane_threads(threads, cpu_lanes(threads))
                self._streaming = OnnxRuntimeNetwork(bundle, file, precision, share, arranged=True)
            return self._streaming

    def run(self, batch: FloatArray) -> FloatArray:
        """See :class:`~usnet.diagnosis.engine.protocol.Network`."""
        (found,) = self._session.run(None, {self.names[0]: batch})
        values: FloatArray = found
        return values


def _described(device: str, precision: str) -> str:
    import onnxruntime

    shown = {"cpu": "CPU", "cuda": "CUDA", "coreml": "CoreML"}[device]
    return f"onnxruntime {onnxruntime.__version__}, {shown}, {precision}"
