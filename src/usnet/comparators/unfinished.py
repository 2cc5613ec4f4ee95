"""A rival's training that was stopped goes on after its last whole epoch, and ends as if it had not been stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch

from usnet.errors import ConfigError


class Stateful(Protocol):
    """Networks, optimisers and schedules."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes."""

    def load_state_dict(self, state_dict: Any) -> Any:
        """Take it back."""


@dataclass(frozen=True, slots=True)
class Done:
    """What lies behind a training: whole ``epochs``, and the ``seconds`` that they took."""

    epochs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The file in which a training waits. ``made_with`` names its data and settings
    (:meth:`usnet.comparators.method.Budget.made_with`)."""

    path: Path
    made_with: str

    def read(self, parts: Mapping[str, Stateful]) -> Done:
        """Give ``parts`` and torch's random numbers the state of the last whole epoch, if there is one.

        Raises
        ------
        ConfigError
            The training was begun with other data or settings, or the file is damaged.
        """
        if not self.path.is_file():
            return Done()
        again = "Begin it anew: another --out, or no --resume"
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            raise ConfigError(f"not readable ({error})", source=str(self.path), hint=again) from error
        if state["made_with"] != self.made_with:
            raise ConfigError("a training begun with other data or settings", source=str(self.path), hint=again)
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
        torch.set_rng_state(state["random"])
        if state["random_cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["random_cuda"])
        return Done(state["epochs"], state["seconds"])

    def write(self, parts: Mapping[str, Stateful], done: Done) -> None:
        """Keep the state after an epoch; a process that is killed meanwhile leaves the epoch before."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        state = {
            "made_with": self.made_with,
            "parts": {name: part.state_dict() for name, part in parts.items()},
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "epochs": done.epochs,
            "seconds": done.seconds,
        }
        with partial.open("wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, self.path)
