"""A trained model as users hold it: one folder or ``.zip``, verified on load, with no pickle in it."""

from __future__ import annotations

from usnet.bundles.loading import Bundle, load, shipped
from usnet.bundles.manifest import Manifest
from usnet.bundles.writing import write

__all__ = ["Bundle", "Manifest", "load", "shipped", "write"]
