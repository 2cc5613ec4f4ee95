"""Duplicate and near-duplicate images: the same frame under two names."""

from __future__ import annotations

from usnet.datasets.duplicates.search import DuplicatePair, find_duplicates

__all__ = ["DuplicatePair", "find_duplicates"]
