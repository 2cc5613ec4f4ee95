"""Fixtures of the reader studies' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the extra store is not installed")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty PostgreSQL database; skips where there is no server to start."""
    from helpers.postgres import cluster, programs

    pytest.importorskip("pg8000", reason="the extra postgres is not installed")
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    folder: Path = tmp_path_factory.mktemp("postgres")
    with cluster(folder) as server:
        yield server.database()
