"""A second look of five ONNX nodes: the darker the inside of the box, the more malignant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from helpers.tiny_bundle import manifest, tiny_model
from usnet.bundles import write
from usnet.bundles.manifest import Logistic, SecondLook

SETTINGS = SecondLook(size=32, detector=0.5, look=1.0, intercept=-0.25, alone=Logistic(slope=0.75, intercept=0.1))


def look_bundle(folder: Path, *, look: bytes | None = None, settings: SecondLook = SETTINGS, **changes: Any) -> Path:
    """The tiny bundle with a second look."""
    files: dict[str, Path | bytes] = {"model.onnx": tiny_model(), "second_look.onnx": look or look_model()}
    return write(folder, manifest(second_look=settings, **changes), files)


def look_model(offset: float = 0.0, names: tuple[str, str] = ("crops", "malignancy")) -> bytes:
    """``4 - 16 * (mean grey inside the box) + offset``."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, value: Any, kind: Any = np.int64) -> Any:
        return numpy_helper.from_array(np.array(value, dtype=kind), name)

    weights = [
        constant("start", [0]),
        constant("middle", [1]),
        constant("stop", [2]),
        constant("channel", [1]),
        constant("pixels", [1, 2, 3]),
        constant("slope", -16.0, np.float32),
        constant("offset", 4.0 + offset, np.float32),
    ]
    nodes = [
        helper.make_node("Slice", [names[0], "start", "middle", "channel"], ["grey"]),
        helper.make_node("Slice", [names[0], "middle", "stop", "channel"], ["box"]),
        helper.make_node("Mul", ["grey", "box"], ["within"]),
        helper.make_node("ReduceSum", ["within", "pixels"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["box", "pixels"], ["area"], keepdims=0),
        helper.make_node("Div", ["sum", "area"], ["mean"]),
        helper.make_node("Mul", ["mean", "slope"], ["steep"]),
        helper.make_node("Add", ["steep", "offset"], [names[1]]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny-look",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, ["N", 2, "S", "S"])],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, ["N"])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
