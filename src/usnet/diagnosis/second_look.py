"""Run a bundle's second look on found boxes: crops at the frame's own resolution, in batches, without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from usnet.bundles import Bundle
from usnet.bundles.decode import Candidates
from usnet.bundles.fusion import revised, worth_a_look
from usnet.bundles.manifest import SecondLook
from usnet.diagnosis.crops import look_input
from usnet.diagnosis.engine import open_network
from usnet.errors import BundleError
from usnet.images import LetterboxTransform
from usnet.values import Box, Frame

FloatArray = npt.NDArray[np.float32]
INPUT, OUTPUT = "crops", "malignancy"
BATCH = 16
"""Crops in one run of the network: bounds memory."""


class SecondLooker:
    """The second look of a bundle in a running library, on the CPU.

    ``library`` is the detector's: OpenVINO runs in OpenVINO, all others in ONNX Runtime. ``description`` says which it is, and in
    what precision.

    Raises
    ------
    BundleError
        The network cannot be loaded, or its input and output are not those of a second look.
    """

    def __init__(
        self, bundle: Bundle, settings: SecondLook, threads: int | None = None, library: str = "onnxruntime"
    ) -> None:
        self.settings = settings
        self._source = bundle.path
        stated = (s.precision for s in bundle.manifest.precisions if s.second_look == settings.file)
        self._network = open_network(bundle, settings.file, library, next(stated, "f32"), threads)
        self.description = self._network.description
        if self._network.names != [INPUT, OUTPUT]:
            raise BundleError(
                f"{settings.file} has input and output {', '.join(self._network.names)}",
                source=bundle.path,
                expected=f"{INPUT} and {OUTPUT}",
                hint="Make the second look with 'usnet train-second-look'",
            )

    def logits(self, asked: Sequence[tuple[Frame, Box]], *, side_by_side: bool = False) -> FloatArray:
        """Logit of malignancy of each box ``[N]``; nothing runs for none. ``side_by_side``: other threads ask for others now.

        Raises
        ------
        BundleError
            The network gave values that are not finite.
        """
        size, margin = self.settings.size, self.settings.margin
        network = self._network.side_by_side() if side_by_side else self._network
        parts = [np.zeros(0, dtype=np.float32)]
        for start in range(0, len(asked), BATCH):
            crops = np.stack([look_input(f.pixels, box, size, margin) for f, box in asked[start : start + BATCH]])
            parts.append(network.run(crops))
        found = np.concatenate(parts)
        if not np.isfinite(found).all():
            raise BundleError("the second look gave values that are not finite", source=self._source)
        return found

    def looks(self, found: Sequence[tuple[Frame, LetterboxTransform, Candidates]]) -> list[FloatArray]:
        """For each image the logits ``[N]`` of its candidates, NaN for those not looked at; one batch over all images."""
        chosen = [worth_a_look(c, self.settings) for _, _, c in found]
        asked = [
            (frame, box_in_frame(c.boxes[index], transform))
            for (frame, transform, c), indices in zip(found, chosen, strict=True)
            for index in indices
        ]
        values = iter(self.logits(asked))
        result = []
        for (_, _, c), indices in zip(found, chosen, strict=True):
            look = np.full(len(c.boxes), np.nan, dtype=np.float32)
            look[indices] = [next(values) for _ in indices]
            result.append(look)
        return result

    def review(self, found: Sequence[tuple[Frame, LetterboxTransform, Candidates]]) -> list[Candidates]:
        """Candidates of each image with the second look's word in them."""
        looks = self.looks(found)
        return [revised(c, look, self.settings) for (_, _, c), look in zip(found, looks, strict=True)]


def box_in_frame(corners: FloatArray, transform: LetterboxTransform) -> Box:
    """The box in frame pixels, cut to the frame."""
    box = Box.from_corners(*(float(v) for v in transform.to_frame(corners)[0]))
    return box.clipped(transform.width, transform.height)
