"""Weights in and out: safetensors always, torchvision's ImageNet files as a start. Never an arbitrary pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from usnet.errors import BundleError
from usnet.models.backbone import fitting_stem
from usnet.models.half import in_half


def to_bytes(network: nn.Module) -> bytes:
    """The network's weights and buffers as the content of a safetensors file; in 16 bits where that loses nothing."""
    return save({name: in_half(tensor.detach().cpu()).contiguous() for name, tensor in network.state_dict().items()})


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` file or of a torch file that holds a plain state dict.

    Raises
    ------
    BundleError
        The file is missing, damaged, or holds anything but tensors.
    """
    path = Path(path)
    try:
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except FileNotFoundError:
        raise BundleError("no such file", source=path) from None
    except Exception as error:
        raise BundleError(
            f"not readable as weights ({error})", source=path, expected="safetensors or a state dict"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise BundleError("holds other things than tensors", source=path, expected="a flat state dict")
    return state


def initialise(network: nn.Module, path: str | Path) -> list[str]:
    """Start ``network`` from a file: usnet's own weights, or torchvision's ResNet of the same depth.

    A three-channel stem is summed to one channel; channels that only the network's stem has start at zero. Classifier (``fc``)
    and stages that the network has not are passed over.
    Returns the names of the network's tensors that the file did not set.

    Raises
    ------
    BundleError
        The file cannot be read, a shape differs, or none of its names fits.
    """
    state = read_state(path)
    own = network.state_dict()
    prefix = "" if any(name.startswith("backbone.") for name in state) else "backbone."
    taken: dict[str, Tensor] = {}
    for name, tensor in state.items():
        target = prefix + name
        if target not in own:
            continue
        value = fitting_stem(tensor, own[target].shape[1]) if target == "backbone.conv1.weight" else tensor
        if value.shape != own[target].shape:
            raise BundleError(
                f"{name} is {list(tensor.shape)}",
                source=path,
                expected=f"{list(own[target].shape)}",
                hint="Is it the same backbone?",
            )
        taken[target] = value
    if not taken:
        raise BundleError(
            "no tensor has a name that the network knows", source=path, expected="conv1.weight, layer1..."
        )
    network.load_state_dict(taken, strict=False)
    return sorted(set(own) - set(taken))
