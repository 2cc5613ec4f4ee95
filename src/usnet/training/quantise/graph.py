"""An ONNX graph with 8-bit convolutions: static ranges from example images, one scale a channel of the weights."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
KEPT = (("outputs",), ("outputs", "stem"), ("outputs", "stem", "heads"))
"""What stays in float32, from the first trial to the last. The outputs always: an 8-bit logit has steps of a tenth."""
OPERATORS = ["Conv", "Add", "MaxPool", "Resize"]


def folded(content: bytes) -> bytes:
    """The graph with batch norms folded into the convolutions, shapes inferred and every node named, which quantisation needs."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        before.write_bytes(content)
        quant_pre_process(str(before), str(after), skip_symbolic_shape=True)
        model = onnx.load_from_string(after.read_bytes())
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    return bytes(model.SerializeToString())


def to_int8(graph: bytes, inputs: Iterable[FloatArray], kept: tuple[str, ...], name: str = "image") -> bytes:
    """A folded graph with 8-bit convolutions but for the parts ``kept``, as ONNX with QuantizeLinear and DequantizeLinear.

    ``inputs`` are examples of the graph's input ``name``, with a batch dimension of 1. Weights use 7 of their 8 bits: CPUs
    without VNNI add pairs of products in 16 bits, which 8 would overflow, and the same bundle must say the same everywhere.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        before.write_bytes(graph)
        quantize_static(
            str(before),
            str(after),
            _Reader(inputs, name),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS,
            nodes_to_exclude=sorted(nodes_of(graph, kept)) if kept else [],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return after.read_bytes()


class _Reader:
    """What onnxruntime's calibration asks for."""

    def __init__(self, inputs: Iterable[FloatArray], name: str) -> None:
        self._inputs: Iterator[FloatArray] = iter(inputs)
        self._name = name

    def get_next(self) -> dict[str, FloatArray] | None:
        """The next feed, ``None`` after the last."""
        one = next(self._inputs, None)
        return None if one is None else {self._name: one}

    def __iter__(self) -> Iterator[dict[str, FloatArray]]:
        return ({self._name: one} for one in self._inputs)


def nodes_of(graph: bytes, parts: Iterable[str]) -> set[str]:
    """Names of the convolutions of ``stem`` (the first), ``outputs`` (those whose result is only laid out anew) and ``heads`` (the
    chains that lead to the outputs)."""
    import onnx

    nodes = list(onnx.load_from_string(graph).graph.node)
    maker = {output: node for node in nodes for output in node.output}
    readers = Counter(name for node in nodes for name in node.input)
    outputs = [maker[n.input[0]] for n in nodes if n.op_type == "Transpose" and n.input[0] in maker]
    found: dict[str, set[str]] = {
        "stem": {next(n.name for n in nodes if n.op_type == "Conv")},
        "outputs": {n.name for n in outputs},
        "heads": {name for n in outputs for name in _chain(n, maker, readers)},
    }
    return {name for part in parts for name in found[part]}


def _chain(node: Any, maker: dict[str, Any], readers: Counter[str]) -> Iterator[str]:
    """Convolutions before ``node``, back to the first value that several nodes read."""
    while readers[node.input[0]] == 1 and node.input[0] in maker:
        node = maker[node.input[0]]
        if node.op_type == "Conv":
            yield node.name
