"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# CI machines are slow and shared: an example that takes long is no failure. There the examples are always the same ones, so
# that one commit gives one answer; everywhere else each run looks for new ones.
settings.register_profile("usnet", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "usnet")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real data and reference results, beside the checkout; skips where it is absent."""
    place = Path(os.environ.get("USNET_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not place.is_dir():
        pytest.skip(f"no reference data at {place} (set USNET_SHARED)")
    return place
