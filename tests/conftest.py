"""Shared fixtures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from helpers.postgres import Server

# CI machines are slow and shared: an example that takes long is no failure. There the examples are always the same ones, so
# that one commit gives one answer; everywhere else each run looks for new ones.
settings.register_profile("usnet", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "usnet")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Random weights are the same whatever ran before on this worker. torch is not loaded for it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real data and reference results, beside the checkout; skips where it is absent."""
    place = Path(os.environ.get("USNET_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not place.is_dir():
        pytest.skip(f"no reference data at {place} (set USNET_SHARED)")
    return place


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A private PostgreSQL server, one for the whole run; skips where it is not installed. Mark its tests ``postgres``."""
    from helpers import postgres

    try:
        with postgres.cluster(tmp_path_factory.mktemp("postgres")) as server:
            yield server
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres_url(postgres_server: Server) -> str:
    """URL of an empty PostgreSQL database of the test's own."""
    return postgres_server.database()
