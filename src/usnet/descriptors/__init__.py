"""What a radiologist would say of a nodule in the words of BI-RADS, measured on its contour. numpy and scipy only."""

from __future__ import annotations

from usnet.descriptors.contour import Contour, contour_of_mask, find_contour
from usnet.descriptors.measure import DESCRIPTORS, Descriptor, measure

__all__ = ["DESCRIPTORS", "Contour", "Descriptor", "contour_of_mask", "find_contour", "measure"]
