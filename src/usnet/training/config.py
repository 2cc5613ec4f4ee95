"""The configuration of a training run: TOML, every key checked, each default with its reason."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from usnet.errors import ConfigError
from usnet.models.config import LossConfig, NetworkConfig

Config = TypeVar("Config", bound=BaseModel)


class Settings(BaseModel):
    """A section of a configuration: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AugmentConfig(Settings):
    """Probabilities (0 switches off) and strengths. The first block is the paper's, the second ultrasound's own."""

    horizontal_flip: float = Field(0.5, ge=0, le=1)
    vertical_flip: float = Field(
        0.5, ge=0, le=1, description="the paper's; turns shadows upwards, so fast.toml leaves it out"
    )
    rotate90: float = Field(
        0.5, ge=0, le=1, description="the paper's; hides that taller-than-wide is a sign of malignancy"
    )
    scale: float = Field(0.25, ge=0, lt=1, description="random zoom between 1 - scale and 1 + scale")
    shift: float = Field(0.1, ge=0, lt=0.5, description="largest shift as a share of the image")

    gain: float = Field(0.0, ge=0, le=1, description="brightness by up to 15 % of the grey range")
    contrast: float = Field(0.0, ge=0, le=1, description="dynamic range: exponent between 0.7 and 1.4")
    tgc: float = Field(0.0, ge=0, le=1, description="time-gain compensation: a smooth gain along depth")
    speckle: float = Field(0.0, ge=0, le=1, description="multiplicative grain")
    blur: float = Field(0.0, ge=0, le=1, description="a wider point spread function")
    calipers: float = Field(
        0.0, ge=0, le=1, description="measuring marks anywhere, so that marks say nothing about nodules"
    )


class TrainingConfig(Settings):
    """The loop."""

    epochs: int = Field(60, ge=1)
    batch_size: int = Field(16, ge=1, description="of one step over all processes")
    learning_rate: float = Field(1e-3, gt=0, description="peak; AdamW")
    weight_decay: float = Field(0.05, ge=0)
    schedule: Literal["one-cycle", "cosine"] = Field("one-cycle", description="'one-cycle' warms up for a quarter")
    clip_norm: float = Field(5.0, gt=0)
    ema_decay: float = Field(0.998, ge=0, lt=1, description="0 switches the average of weights off")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        "bf16-mixed", description="bf16: 1.5 x on CPUs that have it"
    )
    balance: float = Field(0.5, ge=0, le=1, description="0 draws classes as they are, 1 all equally often, 0.5 between")
    group_balance: float = Field(0.5, ge=0, le=1, description="the same for patients with many images")
    patience: int = Field(
        0, ge=0, description="epochs without a better validation score before stopping; 0 never stops early"
    )
    keep: Literal["last", "best"] = Field(
        "last", description="small validation sets are noisy: the last average is safer"
    )
    seed: int = Field(0, ge=0)
    image_mode: Literal["letterbox", "stretch"] = Field(
        "letterbox", description="the paper does not say; stretch hides shape"
    )
    threads: int = Field(0, ge=0, description="torch threads on a CPU; 0 leaves torch's choice")
    channels_last: bool = Field(True, description="memory order that convolutions prefer")
    fused: bool = Field(False, description="the optimiser's step in one kernel; on a CPU it brought nothing")
    compiled: bool = Field(
        False, description="torch.compile: about a minute at the start; on a CPU it brought nothing, a GPU may gain"
    )
    nodule_sensitivity: float = Field(
        0.95, gt=0, lt=1, description="share of validation nodules that the operating point 'sensitive' should find"
    )
    wrong_boxes: float = Field(
        1.0, gt=0, description="false boxes an image that the operating point 'sensitive' may cost"
    )


class RunConfig(Settings):
    """A whole run: name of the bundle, network, loss, augmentation, loop."""

    name: str = "usnet"
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    augment: AugmentConfig = AugmentConfig()
    training: TrainingConfig = TrainingConfig()


def load_config(path: str | Path | None, overrides: list[str] | None = None) -> RunConfig:
    """The configuration of a detector's run; see :func:`read_config`."""
    return read_config(RunConfig, path, overrides)


def read_config(kind: type[Config], path: str | Path | None, overrides: list[str] | None = None) -> Config:
    """Read a TOML file as ``kind`` and apply ``section.key=value`` overrides (values in TOML's spelling).

    Raises
    ------
    ConfigError
        The file is missing or no TOML, a key is unknown (the message names the nearest), a value has a wrong type or range.
    """
    document: dict[str, Any] = {}
    if path is not None:
        try:
            document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError("no such file", source=path) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"not TOML ({error})", source=path) from error
    for override in overrides or []:
        _apply(document, override)
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise ConfigError(_explain(kind, error), source=path or "configuration") from error


def changed(config: Config, overrides: list[str]) -> Config:
    """``config`` with ``section.key=value`` overrides; raises :class:`ConfigError` as :func:`read_config` does."""
    document = config.model_dump(mode="json")
    for override in overrides:
        _apply(document, override)
    try:
        return type(config).model_validate(document)
    except ValidationError as error:
        raise ConfigError(_explain(type(config), error), source="configuration") from error


def _apply(document: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"--set {override!r}", expected="section.key=value, for example training.epochs=20")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, key = name.strip().split(".")
    place = document
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--set {override!r}: {section} is no section")
    place[key] = value


def _explain(kind: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = _known_keys(kind, problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
            nearest = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            lines.append(f"unknown key {place!r} ({nearest})")
        else:
            lines.append(f"{place}: {problem['msg']}, found {problem['input']!r}")
    return "; ".join(lines)


def _known_keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    for part in place:
        annotation = model.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def to_toml(config: BaseModel) -> str:
    """The configuration as TOML that :func:`read_config` reads back to the same value."""
    document = config.model_dump(mode="json")
    lines = [f"name = {_toml(document.pop('name'))}"]
    for section, values in document.items():
        nested = {k: v for k, v in values.items() if isinstance(v, dict)}
        lines += ["", f"[{section}]", *_pairs({k: v for k, v in values.items() if k not in nested})]
        for name, inner in nested.items():
            lines += ["", f"[{section}.{name}]", *_pairs(inner)]
    return "\n".join(lines) + "\n"


def _pairs(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
