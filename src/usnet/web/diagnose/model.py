"""What the server needs to know of the model, and the model itself in a worker. The server never loads the network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from usnet.bundles import Bundle, load
from usnet.diagnosis import Diagnoser
from usnet.errors import BundleError
from usnet.values import OperatingPoint
from usnet.web.diagnose.context import Reference, reference_of
from usnet.web.diagnose.points import ordered


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a bundle: operating points from sensitive to specific, the default one, calibration, reference distribution."""

    bundle: Bundle
    points: tuple[OperatingPoint, ...]
    default: str
    calibration: str
    reference: Reference | None

    def point(self, name: str | None) -> OperatingPoint:
        """The operating point of that name, the default one for any other."""
        found = {point.name: point for point in self.points}
        return found.get(name or self.default, found[self.default])


def facts(name: str | None) -> Facts:
    """Facts about a bundle by its path or shipped name.

    Raises
    ------
    BundleError
        There is no such bundle, or it is damaged.
    """
    bundle = load(name)
    manifest = bundle.manifest
    try:
        reference = reference_of(bundle)
    except BundleError:
        reference = None  # a distribution of other weights says nothing about these
    return Facts(
        bundle,
        ordered(tuple(threshold.value() for threshold in manifest.operating_points)),
        manifest.default_operating_point,
        manifest.calibration.origin,
        reference,
    )


class Model:
    """A worker's model, opened at its first job."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    @cached_property
    def facts(self) -> Facts:
        """What the bundle says."""
        return facts(self._name)

    @cached_property
    def diagnoser(self) -> Diagnoser:
        """On one thread: the workers are the parallelism."""
        return Diagnoser(self.facts.bundle, threads=1)

    @cached_property
    def ungated(self) -> Diagnoser:
        """The same without its gate, for frames that a reader wants read all the same."""
        return Diagnoser(self.facts.bundle, engine=self.diagnoser.engine, threads=1, gate=False)
