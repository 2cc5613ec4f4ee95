"""What every engine promises."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from usnet.bundles import Bundle
from usnet.bundles.storage import MODEL
from usnet.errors import BundleError

FloatArray = npt.NDArray[np.float32]
OUTPUTS = ("logits", "deltas")


class Engine(Protocol):
    """Something that runs the network. ``description`` goes into run records: library, version, device, precision."""

    @property
    def description(self) -> str:
        """For example ``onnxruntime 1.32.0, CPU, f32``."""

    @property
    def reason(self) -> str:
        """Why this one: what was asked for, or what ``auto`` found."""

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``batch [N, 1, S, S]`` in [0, 1] to ``logits [N, A, 2]`` and ``deltas [N, A, 4]``."""


def check_names(bundle: Bundle, file: str, inputs: list[str], outputs: list[str]) -> None:
    """Raise :class:`BundleError` unless a graph has the inputs and outputs of a usnet bundle."""
    if inputs != ["image"] or not set(OUTPUTS) <= set(outputs):
        raise BundleError(
            f"{file} takes {', '.join(inputs)} and gives {', '.join(outputs)}",
            source=bundle.path,
            expected="input image, outputs logits and deltas",
            hint="Make the bundle with 'usnet export'",
        )


def not_loadable(bundle: Bundle, error: Any, file: str = MODEL) -> BundleError:
    """The error for a graph that a library cannot load, with the first line of its complaint."""
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return BundleError(f"{file} cannot be loaded ({first_line})", source=bundle.path, hint="Export the bundle again")
