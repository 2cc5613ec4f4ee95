"""Protocols as files: reading, all problems at once, and a template to start from."""

from __future__ import annotations

import difflib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from usnet.errors import ConfigError
from usnet.readers.protocol import Protocol


class ProtocolError(ConfigError):
    """The protocol is not one that can be carried out."""


def read_protocol(path: str | Path) -> Protocol:
    """The protocol in a TOML file.

    Raises
    ------
    ProtocolError
        The file is missing or no TOML, or keys are unknown, values wrong, levels overlap and so on: all in one message.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ProtocolError(
            f"cannot be opened ({error.strerror})", source=path, hint="Begin with 'usnet study protocol'"
        ) from None
    except UnicodeDecodeError as error:
        raise ProtocolError(f"is no text in UTF-8 ({error})", source=path) from error
    return parse_protocol(text, str(path))


def parse_protocol(text: str, source: str = "protocol") -> Protocol:
    """The protocol in a TOML text; see :func:`read_protocol`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(f"not TOML ({error})", source=source) from error
    try:
        return Protocol.model_validate(document)
    except ValidationError as error:
        raise ProtocolError("; ".join(_explain(problem) for problem in error.errors()), source=source) from error


def template() -> str:
    """A whole protocol with every key and its reason, as TOML."""
    return (files("usnet.readers") / "protocol.toml").read_text(encoding="utf-8")


def _explain(problem: Any) -> str:
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        return f"unknown key {place!r} ({f'did you mean {near[0]!r}?' if near else 'known are ' + ', '.join(known)})"
    words = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{place}: {words}" if place else words
    return f"{place}: {words}, found {problem['input']!r}" if problem["type"] != "missing" else f"{place}: missing"


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Protocol
    for part in place:
        if isinstance(part, int):
            continue
        inner = [m for m in _models(model.model_fields[part].annotation) if issubclass(m, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def _models(annotation: Any) -> list[type]:
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models(inner)]
