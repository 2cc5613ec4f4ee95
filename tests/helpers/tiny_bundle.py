"""A bundle whose network is 20 lines of ONNX: it finds dark round spots of about 48 network pixels, the darker the more malignant.

Real enough to run every line of diagnosis, small and deterministic enough for a test; see ``dark_spots`` for its images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from usnet.anchors import AnchorSpec
from usnet.bundles import Manifest, write
from usnet.bundles.manifest import Calibration, Logistic, Threshold

SPEC = AnchorSpec()
QUIET = -12.0
"""Logit of every anchor that never fires."""

POINTS = (
    Threshold(name="balanced", detection=0.5, malignancy=0.5, origin="made up for tests"),
    Threshold(name="sensitive", detection=0.1, malignancy=0.2, origin="made up for tests"),
    Threshold(name="deaf", detection=1.0, malignancy=1.0, origin="never finds anything"),
)


def manifest(**changes: Any) -> Manifest:
    """A manifest with calibration and three operating points."""
    values: dict[str, Any] = {
        "name": "tiny-test",
        "created": "2025-01-01T00:00:00Z",
        "calibration": Calibration(
            nodule=Logistic(slope=0.9, intercept=0.1), malignancy=Logistic(slope=0.8, intercept=-0.1), origin="made up"
        ),
        "operating_points": POINTS,
        "default_operating_point": "balanced",
    }
    return Manifest(**(values | changes))


def tiny_bundle(folder: Path, *, model: bytes | None = None, **changes: Any) -> Path:
    """Write the tiny bundle to ``folder`` (or a ``.zip``)."""
    return write(folder, manifest(**changes), {"model.onnx": model or tiny_model(), "weights.safetensors": b"\0" * 64})


def dark_spots(
    spots: Sequence[tuple[float, float]] = ((124, 124),),
    darkness: Sequence[int] = (10,),
    size: tuple[int, int] = (256, 256),
    side: float = 48.0,
) -> npt.NDArray[np.uint8]:
    """``uint8 [H, W]`` grey image with dark squares of ``side`` pixels centred at ``(x, y)``; ``size`` is (width, height).

    The anchors stand at ``8 k + 4`` network pixels, so a spot there is found exactly.
    """
    width, height = size
    image = np.full((height, width), 150, dtype=np.uint8)
    for (x, y), value in zip(spots, darkness, strict=True):
        y0, x0 = round(y - side / 2), round(x - side / 2)
        image[max(0, y0) : round(y0 + side), max(0, x0) : round(x0 + side)] = value
    return image


def tiny_model(bias: float = -4.0) -> bytes:
    """ONNX bytes. Only the 48 x 48 anchors of the stride-8 level speak: surround minus centre drives both logits, the centre's
    darkness the malignant one."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []

    def constant(name: str, value: npt.NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(value, name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def head(
        source: str, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], stride: int, name: str
    ) -> str:
        """Convolution to ``values`` numbers an anchor, then ``[N, cells * 9, values]`` in the order of the anchors."""
        inputs = [source, constant(f"{name}.weight", weight), constant(f"{name}.bias", bias)]
        kernel = weight.shape[-1]
        padding = [(kernel - stride) // 2] * 4
        cells = node("Conv", inputs, f"{name}.conv", kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=padding)
        last = node("Transpose", [cells], f"{name}.last", perm=[0, 2, 3, 1])
        shape = constant(f"{name}.shape", np.array([0, -1, len(bias) // SPEC.per_cell], dtype=np.int64))
        return node("Reshape", [last, shape], f"{name}.out")

    def silent(stride: int, values: int, fill: float, name: str) -> str:
        weight = np.zeros((values * SPEC.per_cell, 1, stride, stride), dtype=np.float32)
        return head("image", weight, np.full(len(weight), fill, dtype=np.float32), stride, name)

    speaking = head("image", *_spot_detector(bias), 8, "logits1")
    logits = [silent(4, 2, QUIET, "logits0"), speaking, silent(16, 2, QUIET, "logits2")]
    deltas = [silent(stride, 4, 0.0, f"deltas{level}") for level, stride in enumerate(SPEC.strides)]
    node("Concat", logits, "logits", axis=1)
    node("Concat", deltas, "deltas", axis=1)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SPEC.image_size, SPEC.image_size])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", SPEC.total, 2]),
            helper.make_tensor_value_info("deltas", TensorProto.FLOAT, ["N", SPEC.total, 4]),
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _spot_detector(
    bias: float, kernel: int = 72, spot: int = 48
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weight ``[18, 1, kernel, kernel]`` and bias of the level's convolution; anchor shape 1 is the plain square."""
    edge = (kernel - spot) // 2
    centre = np.zeros((kernel, kernel), dtype=np.float32)
    centre[edge:-edge, edge:-edge] = 1.0 / spot**2
    surround = (centre == 0).astype(np.float32)
    contrast = surround / surround.sum() - centre
    weight = np.zeros((2 * SPEC.per_cell, 1, kernel, kernel), dtype=np.float32)
    biases = np.full(len(weight), QUIET, dtype=np.float32)
    shape = 1
    weight[2 * shape, 0], biases[2 * shape] = 14.0 * contrast, bias
    weight[2 * shape + 1, 0], biases[2 * shape + 1] = 14.0 * contrast - 12.0 * centre, bias + 2.5
    return weight, biases
