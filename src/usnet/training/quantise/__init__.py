"""Below float32: make the smaller network, measure it, and let it into a bundle only if it agrees."""

from __future__ import annotations

from usnet.training.quantise.run import lower

__all__ = ["lower"]
