"""Does a bundle run here, and are its outputs of the right shape? Batches of one and two, on frames without content."""

from __future__ import annotations

import numpy as np

from usnet.bundles import Bundle
from usnet.bundles.manifest import SecondLook
from usnet.diagnosis.engine import open_engine
from usnet.diagnosis.second_look import SecondLooker
from usnet.errors import BundleError
from usnet.values import Box, Frame


def selftest(bundle: Bundle, engine: str = "auto") -> str:
    """Run the network on a black and on a noisy frame, alone and together, and say how that went.

    Raises
    ------
    BundleError
        The network does not load, its outputs have another shape than the anchors ask for, are not finite, or depend on what
        else is in the batch by more than 1e-3. The second look, where there is one, is tried in the same way.
    """
    runner = open_engine(bundle, engine)
    size, anchors = bundle.manifest.preprocessing.size, bundle.manifest.anchors.total
    noise = np.random.default_rng(0).random((1, 1, size, size), dtype=np.float32)
    batch = np.concatenate([np.zeros_like(noise), noise])
    alone = runner.run(noise)
    for name, together, single, values in zip(("logits", "deltas"), runner.run(batch), alone, (2, 4), strict=True):
        if together.shape != (2, anchors, values):
            raise BundleError(
                f"{name} have shape {list(together.shape)}", source=bundle.path, expected=f"[2, {anchors}, {values}]"
            )
        if not np.isfinite(together).all():
            raise BundleError(f"{name} are not finite on an empty frame", source=bundle.path)
        if np.abs(together[1] - single[0]).max() > 1e-3:
            raise BundleError(f"{name} depend on the other images of the batch", source=bundle.path)
    said = f"runs in {runner.description}, {anchors} anchors, batches agree"
    return (
        said if bundle.manifest.second_look is None else f"{said}; {_second_look(bundle, bundle.manifest.second_look)}"
    )


def _second_look(bundle: Bundle, settings: SecondLook) -> str:
    """The same for the second look, on a noisy frame and two boxes."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    frame = Frame(pixels, "noise", "")
    asked = [(frame, Box(8, 8, 20, 12)), (frame, Box(30, 20, 30, 40))]
    looker = SecondLooker(bundle, settings, threads=1)
    together, alone = looker.logits(asked), np.concatenate([looker.logits([one]) for one in asked])
    if together.shape != (2,):
        raise BundleError(
            f"{settings.file} gives {list(together.shape)} for two boxes", source=bundle.path, expected="[2]"
        )
    if np.abs(together - alone).max() > 1e-3:
        raise BundleError(f"{settings.file} depends on the other boxes of the batch", source=bundle.path)
    return f"second look runs on {settings.size} x {settings.size} pixels, batches agree"
