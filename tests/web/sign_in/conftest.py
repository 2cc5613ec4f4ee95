"""A provider on loopback and a workplace that trusts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")


from helpers.identity_provider import IdentityProvider, identity_provider
from helpers.oidc_client import OPEN, opened
from usnet.web.workplace import Workplace


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider(li={"preferred_username": "Li Canary"}, bo={"name": "Bo"}) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, provider: IdentityProvider) -> Workplace:
    """Who comes first time becomes a viewer."""
    return opened(tmp_path, provider, OPEN)
