"""The network as ONNX: raw heads, fixed image size, dynamic batch. No suppression in the graph: that is where exports break."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from usnet.errors import UsnetError
from usnet.models.half import store_in_half
from usnet.models.network import USNet

OPSET = 18
INPUT, OUTPUTS = "image", ("logits", "deltas")


class ExportDisagrees(UsnetError):
    """The exported graph gives other numbers than the network."""


def to_onnx(network: USNet) -> bytes:
    """The network in evaluation mode as the content of an ONNX file.

    Input ``image float32 [N, 1, S, S]`` in [0, 1]; outputs ``logits [N, A, 2]`` and ``deltas [N, A, 4]``.
    """
    size = network.config.anchors.image_size
    return exported(network, torch.zeros(2, 1, size, size), INPUT, OUTPUTS)


def exported(network: nn.Module, example: Tensor, name: str, outputs: Sequence[str]) -> bytes:
    """Any network with one input and a batch of any size as the content of an ONNX file, in evaluation mode and float32.

    Large weights that 16 bits hold exactly are stored in 16 bits (see :mod:`usnet.models.half`).
    """
    network = network.cpu().float().eval().to(memory_format=torch.contiguous_format)
    batch = torch.export.Dim("batch", min=1, max=1024)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[name],
            output_names=list(outputs),
            dynamic_shapes=({0: batch},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
            optimize=False,
        )
    if program is None:
        raise ExportDisagrees("torch gave no ONNX program")
    content: bytes = store_in_half(without_traces(_plain(program.model_proto))).SerializeToString()
    return content


def _plain(model: Any) -> Any:
    """The exporter's graph with its constants computed. Its own clean-up would also multiply norms into weights, which engines do
    as well, and which would leave no weight that 16 bits hold."""
    from onnxscript import ir, optimizer

    graph = ir.serde.deserialize_model(model)
    optimizer.fold_constants(graph)
    optimizer.remove_unused_nodes(graph)
    return ir.serde.serialize_model(graph)


def without_traces(model: Any) -> Any:
    """The ONNX ``model`` without the exporter's notes on its nodes: they hold source lines and paths of the exporting machine."""
    graphs = [model.graph, *model.functions]
    for noted in (entry for graph in graphs for entry in (graph, *graph.node, *graph.value_info)):
        del noted.metadata_props[:]
        noted.doc_string = ""
    return model


def check_parity(network: nn.Module, content: bytes, inputs: npt.NDArray[np.float32], tolerance: float = 1e-4) -> float:
    """Largest difference between ONNX and torch outputs on ``inputs [N, ...]``, for the whole batch and one by one.

    Raises
    ------
    ExportDisagrees
        It is above ``tolerance``.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (name,) = (argument.name for argument in session.get_inputs())
    with torch.inference_mode():
        heads = network.eval()(torch.from_numpy(inputs))
    expected = [head.numpy() for head in (heads if isinstance(heads, tuple) else (heads,))]
    whole = session.run(None, {name: inputs})
    single = [session.run(None, {name: one[None]}) for one in inputs]
    alone = [np.concatenate([outputs[i] for outputs in single]) for i in range(len(expected))]
    worst = max(float(np.abs(a - b).max()) for found in (whole, alone) for a, b in zip(found, expected, strict=True))
    if not worst <= tolerance:
        raise ExportDisagrees(f"ONNX and torch outputs differ by {worst:.2g}", expected=f"at most {tolerance:.0e}")
    return worst
