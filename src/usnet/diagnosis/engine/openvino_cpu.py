"""OpenVINO on the CPU."""

from __future__ import annotations

import importlib
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from usnet.bundles import Bundle
from usnet.diagnosis.engine.protocol import OUTPUTS, FloatArray, check_names, cpu_lanes, not_loadable
from usnet.errors import ConfigError

if TYPE_CHECKING:
    from usnet.diagnosis.engine.choice import Choice


class OpenVinoEngine:
    """OpenVINO on the CPU, in the precision that was chosen and no other, through asynchronous requests.

    Left alone, OpenVINO runs bf16 on CPUs that have it, which moved raw heads by up to 0.04. ``streams`` calls are worked on at
    once, each with its share of the threads.
    """

    def __init__(self, bundle: Bundle, choice: Choice, threads: int | None = None, *, streams: int = 1) -> None:
        self._model = compiled(bundle, choice.file, choice.precision, threads, streams)
        inputs, outputs = ([p.any_name for p in ports] for ports in (self._model.inputs, self._model.outputs))
        check_names(bundle, choice.file, inputs, outputs)
        self.description = shown(choice.precision)
        self.reason = choice.reason
        self.second_look = choice.second_look
        self.library = "openvino"
        self.lanes = cpu_lanes(threads)
        self._requests = Requests(self._model, self.lanes)
        self._lock = threading.Lock()
        self._streaming: OpenVinoEngine | None = self if streams == self.lanes else None
        self._made_from = bundle, choice, threads

    def side_by_side(self) -> OpenVinoEngine:
        """See :class:`Engine`: the same network compiled once more, for a stream a lane."""
        with self._lock:
            if self._streaming is None:
                self._streaming = OpenVinoEngine(*self._made_from, streams=self.lanes)
            return self._streaming

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See :class:`Engine`."""
        with self._requests.one() as request:
            request.start_async({"image": batch})
            request.wait()  # other threads, and other requests, go on
            return tuple(np.array(request.get_tensor(name).data) for name in OUTPUTS)  # type: ignore[return-value]


class OpenVinoNetwork:
    """A further network of a bundle; see :class:`~usnet.diagnosis.engine.protocol.Network`."""

    def __init__(self, bundle: Bundle, file: str, precision: str, threads: int | None, *, streams: int = 1) -> None:
        model = compiled(bundle, file, precision, threads, streams)
        self._input = model.inputs[0].any_name
        self.names = [port.any_name for port in (*model.inputs, *model.outputs)]
        self.description = shown(precision)
        lanes = cpu_lanes(threads)
        self._requests = Requests(model, lanes)
        self._lock = threading.Lock()
        self._streaming: OpenVinoNetwork | None = self if streams == lanes else None
        self._made_from = bundle, file, precision, threads

    def side_by_side(self) -> OpenVinoNetwork:
        """See :class:`~usnet.diagnosis.engine.protocol.Network`: compiled once more, for a stream a lane."""
        with self._lock:
            if self._streaming is None:
                self._streaming = OpenVinoNetwork(*self._made_from, streams=cpu_lanes(self._made_from[-1]))
            return self._streaming

    def run(self, batch: FloatArray) -> FloatArray:
        """See :class:`~usnet.diagnosis.engine.protocol.Network`."""
        with self._requests.one() as request:
            request.start_async({self._input: batch})
            request.wait()
            return np.array(request.get_output_tensor(0).data)


class Requests:
    """Asynchronous requests of one compiled model, each used by one thread at a time; a thread waits while all are taken."""

    def __init__(self, model: Any, count: int) -> None:
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(model.create_infer_request())

    @contextmanager
    def one(self) -> Iterator[Any]:
        """A request for the time of the block."""
        request = self._free.get()
        try:
            yield request
        finally:
            self._free.put(request)


def compiled(bundle: Bundle, file: str, precision: str, threads: int | None, streams: int) -> Any:
    """A network of a bundle, compiled for the CPU.

    Raises
    ------
    BundleError
        OpenVINO cannot load it.
    ConfigError
        This CPU does not have the precision.
    """
    core = _import_openvino().Core()
    hint = "bf16" if precision == "bf16" else "f32"  # int8 lies in the graph; what is left of it stays in f32
    if hint == "bf16" and not has_bf16():
        raise ConfigError("this CPU does not compute in bf16", hint="Use --precision f32")
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": streams}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    content = bundle.read(file)
    try:
        return core.compile_model(core.read_model(content), "CPU", settings)
    except Exception as error:  # openvino raises RuntimeError and its own classes
        raise not_loadable(bundle, error, file) from error


def shown(precision: str) -> str:
    """How it is called in descriptions."""
    return f"openvino {_import_openvino().get_version().split('-')[0]}, CPU, {precision}"


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
