"""A browser that signs in at the provider of :mod:`helpers.identity_provider`, and the workplace that it comes back to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from sqlalchemy import select
from starlette.testclient import TestClient

from helpers.identity_provider import IdentityProvider, settings_file
from helpers.web_client import account, workplace
from usnet.store import chain
from usnet.store.database import reading
from usnet.web.tables import Account
from usnet.web.workplace import Workplace

OPEN = 'new_accounts = "viewer"'


def opened(folder: Path, provider: IdentityProvider, text: str = "", tables: str = "", **changes: Any) -> Workplace:
    file = settings_file(folder, provider, text, tables)
    made = workplace(folder / "data", oidc=str(file), **changes)
    with reading(made.engine) as session:
        known = session.scalar(select(Account.id).where(Account.name_key == "anna"))
    if known is None:
        account(made, "Anna", "administrator")
    return made


def leave(client: TestClient, path: str = "/login/oidc") -> str:
    """Address at the provider that the button leads to."""
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def at_provider(url: str, user: str) -> str:
    """What a person does at the provider; returns path and query of where it sends the browser."""
    answer = requests.post(url, data={"user": user}, allow_redirects=False, timeout=20)
    parts = urlsplit(answer.headers["location"])
    assert parts.netloc == "127.0.0.1", "it leads back to this server"
    return f"{parts.path}?{parts.query}"


def sign_in(client: TestClient, user: str = "li", path: str = "/login/oidc") -> Any:
    return client.get(at_provider(leave(client, path), user))


def alert(page: str) -> str:
    found = re.search(r'role="alert">([^<]+)', page)
    return found[1] if found else ""


def entries(place: Workplace) -> list[chain.Entry]:
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, "web") == []
        return list(chain.read(session, "web"))
