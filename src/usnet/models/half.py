"""Weights that 16 bits hold exactly: rounded before the last measurements of a run, stored in half the room, computed in float32.

The rounded network is the network from then on, so nothing that is measured, calibrated or compared afterwards knows a second,
slightly different one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

FEWEST = 1024
"""Smaller tensors stay as they are: they take no room, and variances may lie below what 16 bits can hold."""


def round_to_half(network: nn.Module) -> None:
    """Round the network's large weights, in place, to values that a 16-bit float holds (11 significant bits)."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.numel() >= FEWEST:
                weight.copy_(weight.half().float())


def in_half(tensor: Tensor) -> Tensor:
    """The tensor in 16 bits where it is large and loses nothing, else as it is."""
    if tensor.dtype != torch.float32 or tensor.numel() < FEWEST:
        return tensor
    half = tensor.half()
    return half if torch.equal(half.float(), tensor) else tensor


def store_in_half(model: Any) -> Any:
    """The ONNX ``model`` with each large constant that 16 bits hold exactly stored so, and cast to float32 where it is used.

    Engines carry the casts out once, when they load the model; outputs are the same to the bit.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for constant in model.graph.initializer:
        value = numpy_helper.to_array(constant)
        if value.dtype != np.float32 or value.size < FEWEST:
            continue
        half = value.astype(np.float16)
        if np.array_equal(half.astype(np.float32), value):
            name = constant.name
            constant.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
