"""The network as ONNX: raw heads, fixed image size, dynamic batch. No suppression in the graph: that is where exports break."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import numpy.typing as npt
import torch

from usnet.errors import UsnetError
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
    network = network.cpu().float().eval().to(memory_format=torch.contiguous_format)
    batch = torch.export.Dim("batch", min=1, max=1024)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, size, size),),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: batch},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ExportDisagrees("torch gave no ONNX program")
    content: bytes = program.model_proto.SerializeToString()
    return content


def check_parity(network: USNet, content: bytes, images: npt.NDArray[np.float32], tolerance: float = 1e-4) -> float:
    """Largest difference between ONNX and torch heads on ``images [N, 1, S, S]``, for the whole batch and image by image.

    Raises
    ------
    ExportDisagrees
        It is above ``tolerance``.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = [head.numpy() for head in network.eval()(torch.from_numpy(images))]
    whole = session.run(list(OUTPUTS), {INPUT: images})
    single = [session.run(list(OUTPUTS), {INPUT: image[None]}) for image in images]
    alone = [np.concatenate([heads[i] for heads in single]) for i in range(len(OUTPUTS))]
    worst = max(float(np.abs(a - b).max()) for found in (whole, alone) for a, b in zip(found, expected, strict=True))
    if not worst <= tolerance:
        raise ExportDisagrees(f"ONNX and torch heads differ by {worst:.2g}", expected=f"at most {tolerance:.0e}")
    return worst
