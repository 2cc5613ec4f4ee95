"""Which engine, device and precision: what was asked for, as far as it is here and was measured to agree."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

from usnet.bundles import Bundle
from usnet.bundles.manifest import AGREEMENT, LowerPrecision
from usnet.bundles.storage import MODEL
from usnet.errors import ConfigError, MissingExtra

EngineName = Literal["auto", "onnxruntime", "openvino"]

ENGINES: tuple[EngineName, ...] = ("auto", "onnxruntime", "openvino")
DEVICES = ("auto", "cpu", "cuda", "coreml")
PRECISIONS = ("auto", "f32", "bf16", "int8")
PROVIDERS = {"cuda": "CUDAExecutionProvider", "coreml": "CoreMLExecutionProvider"}


@dataclass(frozen=True, slots=True)
class Choice:
    """``engine`` is ``onnxruntime`` or ``openvino``, ``file`` the network in the bundle, ``reason`` one line for people.

    ``second_look`` is the file of the second look that goes with it, ``None`` for the bundle's own.
    """

    engine: str
    device: str
    precision: str
    file: str
    reason: str
    second_look: str | None = None


def choose(bundle: Bundle, engine: str = "auto", device: str = "auto", precision: str = "auto") -> Choice:
    """Settle engine, device and precision for a bundle on this machine.

    ``auto`` takes a CUDA device where ONNX Runtime has one; then a lower precision where the bundle states that it was measured to
    agree, for an engine that is installed here; else ONNX Runtime in float32, which is in every installation and was measured to be
    about as fast as OpenVINO. CoreML is taken only when named: it was never run by the makers.

    Raises
    ------
    ConfigError
        A name is unknown, the device is not here, or the bundle does not state that the precision agrees.
    MissingExtra
        OpenVINO was asked for and is not installed.
    """
    for what, value, known in (("engine", engine, ENGINES), ("device", device, DEVICES)):
        _check_name(what, value, known)
    _check_name("precision", precision, PRECISIONS)
    if engine == "openvino":
        _need_openvino()
    device = _device(engine, device)
    if precision in ("bf16", "int8"):
        return _stated(bundle, engine, device, precision)
    if precision == "auto" and device == "cpu":
        for stated in bundle.manifest.precisions:
            if why_not(bundle, stated) is None and _runs_here(stated, engine):
                return _lower(stated, "auto: the bundle states that it agrees with f32")
    chosen = "openvino" if engine == "openvino" else "onnxruntime"
    reason = "auto: nothing below f32 is known to agree" if precision == "auto" else "as asked"
    return Choice(chosen, device, "f32", MODEL, reason)


def why_not(bundle: Bundle, stated: LowerPrecision) -> str | None:
    """Why a statement of the bundle is no licence for its precision; ``None`` where it is."""
    if stated.model_sha256 != bundle.identity.sha256:
        return "it was measured of other weights"
    if not stated.agrees:
        return (
            f"AP {stated.ap:.3f} and AUC {stated.auc:.3f} v {stated.ap_f32:.3f} and {stated.auc_f32:.3f} in f32 "
            f"differ by more than {AGREEMENT:g}"
        )
    return None


def _stated(bundle: Bundle, engine: str, device: str, precision: str) -> Choice:
    """A lower precision that was asked for by name."""
    found = [s for s in bundle.manifest.precisions if s.precision == precision and engine in ("auto", s.engine)]
    if device != "cpu" or not found:
        where = "" if engine == "auto" else f" by {engine}"
        raise ConfigError(
            f"{precision} on {device}{where} was not measured to agree with f32",
            source=bundle.path,
            expected="a statement in the bundle",
            hint="Use --precision f32, or measure it: usnet model quantise",
        )
    refusals = [why_not(bundle, stated) for stated in found]
    for stated, refusal in zip(found, refusals, strict=True):
        if refusal is None:
            if stated.engine == "openvino":
                _need_openvino()
            return _lower(stated, "as asked; the bundle states that it agrees with f32")
    raise ConfigError(
        f"{precision} is refused: {refusals[0]}", source=bundle.path, hint="Use --precision f32, or quantise again"
    )


def _lower(stated: LowerPrecision, reason: str) -> Choice:
    measured = f"AP {stated.ap - stated.ap_f32:+.4f}, AUC {stated.auc - stated.auc_f32:+.4f} on {stated.images} images"
    return Choice(stated.engine, "cpu", stated.precision, stated.file, f"{reason} ({measured})", stated.second_look)


def _runs_here(stated: LowerPrecision, engine: str) -> bool:
    if engine not in ("auto", stated.engine) or (stated.engine == "openvino" and not has_openvino()):
        return False
    if stated.precision != "bf16":
        return True
    from usnet.diagnosis.engine.openvino_cpu import has_bf16

    return has_bf16()


def _device(engine: str, device: str) -> str:
    """``auto`` settled; a named device is checked."""
    if device == "cpu" or engine == "openvino":
        if device not in ("auto", "cpu"):
            raise ConfigError(f"openvino on {device}", expected="device cpu")
        return "cpu"
    import onnxruntime

    here = onnxruntime.get_available_providers()
    if device == "auto":
        return "cuda" if PROVIDERS["cuda"] in here else "cpu"
    if PROVIDERS[device] not in here:
        raise ConfigError(
            f"device {device}: the installed onnxruntime has only {', '.join(here)}",
            expected=PROVIDERS[device],
            hint="Install onnxruntime-gpu in place of onnxruntime, or use --device cpu"
            if device == "cuda"
            else "Use --device cpu",
        )
    return device


def has_openvino() -> bool:
    """Whether OpenVINO is installed, without importing it."""
    return importlib.util.find_spec("openvino") is not None


def _need_openvino() -> None:
    if not has_openvino():
        raise MissingExtra("openvino is not installed", hint="Install usnet[openvino], or use --engine onnxruntime")


def _check_name(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"no {what} {value!r}", expected=f"one of {', '.join(known)}")
