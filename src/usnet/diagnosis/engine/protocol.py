"""What every engine promises."""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from usnet.bundles import Bundle
from usnet.bundles.storage import MODEL
from usnet.errors import BundleError

FloatArray = npt.NDArray[np.float32]
OUTPUTS = ("logits", "deltas")
MOST_LANES = 4
"""Each lane holds the activations of one batch."""


class Engine(Protocol):
    """Something that runs the network. ``description`` goes into run records: library, version, device, precision."""

    @property
    def description(self) -> str:
        """For example ``onnxruntime 1.32.0, CPU, f32``."""

    @property
    def reason(self) -> str:
        """Why this one: what was asked for, or what ``auto`` found."""

    @property
    def second_look(self) -> str | None:
        """File of the second look that was measured together with this network, ``None`` for the bundle's own."""

    @property
    def library(self) -> str:
        """``onnxruntime``, ``openvino`` or ``torch``."""

    @property
    def lanes(self) -> int:
        """How many threads should call :meth:`run` at once for the most images a second; any number may."""

    def side_by_side(self) -> Engine:
        """This engine arranged for calls from that many threads, which may cost start-up time and make one call slower."""

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``batch [N, 1, S, S]`` in [0, 1] to ``logits [N, A, 2]`` and ``deltas [N, A, 4]``."""


class Network(Protocol):
    """A further network of a bundle, with one input and one output, on the CPU; any number of threads may call it."""

    @property
    def description(self) -> str:
        """As that of an :class:`Engine`."""

    @property
    def names(self) -> list[str]:
        """Of the input and of the output."""

    def side_by_side(self) -> Network:
        """As that of an :class:`Engine`."""

    def run(self, batch: FloatArray) -> FloatArray:
        """What it says of a batch."""


def cpu_lanes(threads: int | None) -> int:
    """Lanes of a CPU engine with ``threads`` threads, ``None`` for a thread a core: while one batch waits for its last thread,
    another uses the core."""
    return min(MOST_LANES, cores() if threads is None else threads)


def lane_threads(threads: int | None, lanes: int) -> int:
    """Threads inside one operation for each of ``lanes`` callers, of ``threads`` or of a thread a core."""
    return max(1, (cores() if threads is None else threads) // lanes)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
