"""A cine loop: the probe is swept across the nodule while the hand trembles and the speckle decorrelates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from usnet.errors import ConfigError
from usnet.phantoms.cases import Case, draw_case
from usnet.phantoms.physics import decorrelated, draw_scatterers
from usnet.phantoms.scanners import Scanner
from usnet.phantoms.simulate import Phantom, check_request, render
from usnet.values import Label

FRAME_TIME_MS = 50.0
REACH = 0.9
"""First and last plane as a share of the nodule's half extent across the planes: it is in view throughout."""
TURN = 0.35
"""Phase of the tissue fields at the first and last plane, in radians."""
CORRELATION = 0.75
"""Of the speckle of neighbouring frames in a loop of 16; longer loops take smaller steps."""


def simulate_cine(
    seed: int,
    frames: int,
    *,
    label: Label | None = None,
    scanner: Scanner | str | None = None,
    size: tuple[int, int] | None = (256, 256),
) -> Iterator[Phantom]:
    """Frames of a sweep, one at a time; arguments as :func:`~usnet.phantoms.simulate.simulate`.

    Raises
    ------
    ConfigError
        Fewer than two frames, or an argument that :func:`~usnet.phantoms.simulate.simulate` refuses.
    """
    check_request(seed, label, size)
    yield from sweep(draw_case(np.random.default_rng((seed, 0)), label, scanner, size), seed, frames)


def sweep(case: Case, seed: int, frames: int) -> Iterator[Phantom]:
    """Frames of a sweep across the nodule of ``case``. The nodule is an ellipsoid: its section grows and shrinks again."""
    if frames < 2:
        raise ConfigError(f"a cine loop of {frames} frames", expected="2 or more")
    case = replace(case, scanner=replace(case.scanner, calipers=0.0))  # nobody measures while sweeping
    rng = np.random.default_rng((seed, 4))
    geometry = case.geometry
    scatterers = draw_scatterers(rng, geometry, case.scanner.looks)
    tremor = rng.uniform(0, 2 * np.pi, 2)
    correlation = CORRELATION ** (16 / frames)
    for number, plane in enumerate(np.linspace(-REACH, REACH, frames)):
        if number:
            scatterers = decorrelated(scatterers, rng, geometry, correlation)
        time = 2 * np.pi * number / max(frames, 16)
        dx, dz = 0.5 * np.sin(time + tremor[0]) + 0.6 * plane, 0.25 * np.sin(2 * time + tremor[1])
        section = float(np.sqrt(1 - plane**2))
        moved = tuple(lesion.scaled(section).moved(float(dx), float(dz)) for lesion in case.lesions)
        yield render(replace(case, lesions=moved), seed, phase=TURN * float(plane) / REACH, scatterers=scatterers)
