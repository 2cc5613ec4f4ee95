"""The network as torch runs it, in float32, for devices that ONNX Runtime does not have here and to compare engines with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from safetensors.torch import load

from usnet.errors import BundleError, ConfigError
from usnet.models.config import NetworkConfig
from usnet.models.network import USNet

FloatArray = npt.NDArray[np.float32]


class TorchEngine:
    """A network on a device; has what :class:`usnet.diagnosis.engine.Engine` asks for.

    Parameters
    ----------
    network
        Settings of :class:`~usnet.models.config.NetworkConfig`, as a bundle states them.
    weights
        Content of a bundle's ``weights.safetensors``.
    device
        ``cpu``, ``cuda``, ``mps``, or ``auto``: the first of ``cuda`` and ``mps`` that is here.
    threads
        Threads inside one operation, of the whole process; ``None`` leaves torch's own number.

    Raises
    ------
    BundleError
        The settings are unknown here, or the weights are not those of that network.
    ConfigError
        The device is not here.
    """

    def __init__(
        self, network: Mapping[str, Any], weights: bytes, *, device: str = "auto", threads: int | None = None
    ) -> None:
        self._device = _device(device)
        rebuilt = _network(network, weights).to(memory_format=torch.channels_last)
        self._network = rebuilt.to(self._device).eval()
        if threads is not None:
            torch.set_num_threads(threads)
        self.description = f"torch {torch.__version__}, {_shown(self._device)}, f32"
        self.reason = f"device {device}"
        self.lanes = 1
        self.second_look = None
        self.library = "torch"

    def side_by_side(self) -> TorchEngine:
        """Itself; see :class:`usnet.diagnosis.engine.Engine`."""
        return self

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``batch [N, 1, S, S]`` in [0, 1] to ``logits [N, A, 2]`` and ``deltas [N, A, 4]``."""
        images = torch.from_numpy(np.ascontiguousarray(batch)).to(self._device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            logits, deltas = self._network(images)
        return logits.cpu().numpy(), deltas.cpu().numpy()


def _network(settings: Mapping[str, Any], weights: bytes) -> USNet:
    try:
        network = USNet(NetworkConfig.model_validate(settings))
        network.load_state_dict(load(weights))
    except (ValidationError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise BundleError(
            f"torch cannot rebuild the network ({first_line})", hint="Use --engine onnxruntime"
        ) from error
    except Exception as error:  # safetensors' own class
        raise BundleError(f"weights.safetensors is damaged ({error})") from error
    return network


def _device(name: str) -> torch.device:
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    chosen = next(kind for kind, found in here.items() if found) if name == "auto" else name
    if not here.get(chosen, False):
        found = ", ".join(kind for kind, present in here.items() if present)
        raise ConfigError(f"torch has no device {chosen}", expected=f"one of {found}")
    return torch.device(chosen)


def _shown(device: torch.device) -> str:
    return f"CUDA ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type.upper()
