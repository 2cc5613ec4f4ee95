"""All descriptors of a nodule, each with its term of the BI-RADS lexicon (ACR BI-RADS Atlas 2013, ultrasound)."""

from __future__ import annotations

from dataclasses import dataclass

from usnet.descriptors.contour import Contour
from usnet.descriptors.echo import echo_of
from usnet.descriptors.shape import shape_of
from usnet.values import UInt8Image


@dataclass(frozen=True, slots=True)
class Descriptor:
    """``name`` as in :func:`measure`, the BI-RADS ``term`` it belongs to, and what it ``says`` in words; ``digits`` to print."""

    name: str
    term: str
    says: str
    digits: int = 2


DESCRIPTORS: tuple[Descriptor, ...] = (
    Descriptor("height_to_width", "orientation", "height over width: above 1 is taller than wide, not parallel"),
    Descriptor("orientation", "orientation", "angle of the long axis to the skin in degrees", 0),
    Descriptor("elongation", "shape: round or oval", "short over long axis, 1 is round"),
    Descriptor("irregularity", "shape: irregular", "how far the outline leaves its ellipse, share of the radius", 3),
    Descriptor("compactness", "shape", "4 pi area / perimeter squared, 1 is a circle"),
    Descriptor("solidity", "shape", "area over that of the convex hull", 3),
    Descriptor("convexity", "shape", "perimeter of the convex hull over the outline's", 3),
    Descriptor("area_mm2", "size", "area in square millimetres", 0),
    Descriptor("margin_contrast", "margin: circumscribed", "outside against inside at the margin, 0 to 1"),
    Descriptor("margin_indistinct", "margin: indistinct", "share of the margin that cannot be seen"),
    Descriptor("lobulation", "margin: microlobulated", "slow waves of the outline, share of the radius", 3),
    Descriptor("lobes", "margin: microlobulated", "dents between lobes", 0),
    Descriptor("spiculation", "margin: spiculated or angular", "quick waves of the outline, share of the radius", 4),
    Descriptor("echo_to_fat", "echo pattern", "log2 of grey inside over grey beside: below 0 is hypoechoic"),
    Descriptor("heterogeneity", "echo pattern: heterogeneous", "standard deviation over mean of the grey inside"),
    Descriptor("darkest_share", "echo pattern: anechoic", "share of the inside that is black"),
    Descriptor(
        "brightest_share", "calcifications in a mass", "share of the inside that is far brighter than the rest", 3
    ),
    Descriptor("halo", "echogenic rim", "log2 of grey at the rim over grey further out"),
    Descriptor(
        "posterior", "posterior features", "log2 of grey below over grey beside: below 0 shadow, above 0 enhancement"
    ),
)
NAMES = tuple(d.name for d in DESCRIPTORS)


def measure(pixels: UInt8Image, contour: Contour, spacing_mm: tuple[float, float] | None = None) -> dict[str, float]:
    """Every descriptor by name, NaN where it cannot be known.

    Parameters
    ----------
    pixels
        ``uint8 [H, W]``.
    spacing_mm
        (row, column) millimetres a pixel; without it pixels are taken as square and ``area_mm2`` is NaN.
    """
    found = shape_of(contour, spacing_mm) | echo_of(pixels, contour)
    return {name: float(found[name]) for name in NAMES}
