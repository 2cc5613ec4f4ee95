"""How many multiply-accumulates a second this machine can do, in float32, bfloat16 and int8: what every network is held against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CUBE = 2048
"""Side of the two matrices: CUBE cubed multiply-accumulates."""


def gemm(dtype: str = "float32") -> Callable[[], object]:
    """A product of two matrices in ``float32`` or ``bfloat16``, torch's."""
    import torch

    a, b = (torch.rand(CUBE, CUBE).to(getattr(torch, dtype)) for _ in range(2))
    return lambda: a @ b


def gemm_int8(threads: int | None = None) -> Callable[[], object]:
    """A product of bytes with signed bytes (7 bits used, as in the shipped networks), ONNX Runtime's."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    left = rng.integers(0, 256, (CUBE, CUBE), dtype=np.uint8)
    right = rng.integers(-64, 64, (CUBE, CUBE), dtype=np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "gemm",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, left.shape)],
        [helper.make_tensor_value_info("product", TensorProto.INT32, (CUBE, CUBE))],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"left": left})


def gmac_per_second(seconds: float) -> float:
    """The rate of one such product that took ``seconds``."""
    return float(CUBE**3 / 1e9 / seconds)
