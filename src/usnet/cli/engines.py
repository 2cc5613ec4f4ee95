"""The engine that a command's options name. Torch is looked up here, because the rooms below serve without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from usnet.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from usnet.bundles import Bundle
    from usnet.diagnosis.engine import Engine

TORCH_DEVICES = ("auto", "cpu", "cuda", "mps")


def open_chosen(
    bundle: Bundle,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Engine:
    """The engine for a bundle; ``torch`` runs ``weights.safetensors`` instead of the ONNX graph, in f32 only.

    ``auto`` takes torch only for a device that nothing else here has: importing it takes longer than a diagnosis.

    Raises
    ------
    BundleError, ConfigError, MissingExtra
        As :func:`usnet.diagnosis.engine.open_engine`.
    """
    from usnet.diagnosis.engine import ENGINES, open_engine

    if engine not in (*ENGINES, "torch"):
        raise ConfigError(f"no engine {engine!r}", expected=f"one of {', '.join((*ENGINES, 'torch'))}")
    if engine == "torch" or (engine == "auto" and _only_torch(device)):
        return _torch(bundle, device, precision, threads)
    return open_engine(bundle, engine, threads, device=device, precision=precision)


def _only_torch(device: str) -> bool:
    """Whether of all engines only torch could have the device."""
    if device == "mps":
        return True
    if device != "cuda":
        return False
    from importlib.util import find_spec

    import onnxruntime

    return "CUDAExecutionProvider" not in onnxruntime.get_available_providers() and find_spec("torch") is not None


def _torch(bundle: Bundle, device: str, precision: str, threads: int | None) -> Engine:
    from usnet.extras import need

    need("torch", extra="train", feature="engine torch")
    if device not in TORCH_DEVICES:
        raise ConfigError(f"torch on {device}", expected=f"one of {', '.join(TORCH_DEVICES)}")
    if precision not in ("auto", "f32"):
        raise ConfigError(
            f"{precision} by torch was not measured to agree with f32", hint="Use --precision f32, or another engine"
        )
    from usnet.models.serving import TorchEngine

    network = bundle.manifest.training.get("config", {}).get("network")
    if network is None:
        raise BundleError(
            "bundle.json does not say which network it is", source=bundle.path, hint="Use --engine onnxruntime"
        )
    return TorchEngine(network, bundle.read("weights.safetensors"), device=device, threads=threads)
