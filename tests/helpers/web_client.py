"""A browser without a screen: a client that carries cookies and the CSRF token of the page it last saw."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from usnet.store.database import writing
from usnet.web import accounts
from usnet.web.app import create_app
from usnet.web.roles import Role
from usnet.web.settings import Settings
from usnet.web.workplace import Workplace, open_workplace

PASSWORD = "correct horse battery"


def workplace(folder: Path, **changes: Any) -> Workplace:
    """A server's state in a folder; jobs wait, because no worker runs."""
    return open_workplace(Settings(data=folder, **({"workers": 0} | changes)))


def browser(place: Workplace, *, follow: bool = True) -> TestClient:
    """A client of a server, with no cookie yet."""
    app = create_app(place.settings, place)
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=follow, headers={"accept": "text/html"})


def csrf(client: TestClient, page: str = "/") -> str:
    """The token of a page."""
    found = re.search(r'<meta name="csrf" content="([0-9a-f]+)">', client.get(page).text)
    assert found, f"no token on {page}"
    return found[1]


def post(client: TestClient, path: str, page: str = "/", **fields: Any) -> Any:
    """Send a form of ``page``."""
    return client.post(path, data=fields | {"csrf": csrf(client, page)})


def account(place: Workplace, name: str, role: Role) -> str:
    """Make an account with :data:`PASSWORD`; returns its id."""
    with writing(place.engine) as session:
        return accounts.create(session, name, PASSWORD, role).id


def signed_in(place: Workplace, name: str) -> TestClient:
    """A client that signed in."""
    client = browser(place)
    answer = post(client, "/login", "/login", name=name, password=PASSWORD)
    assert answer.status_code == 200, answer.text
    return client


def run_jobs(place: Workplace) -> int:
    """Do what waits, in this process, as a worker would; returns how many jobs were settled."""
    from usnet.store import jobs
    from usnet.store.worker import Refused
    from usnet.web.worker import handlers_of

    handlers, settled = handlers_of(place, lambda: None), 0
    while (job := jobs.claim(place.engine, list(handlers), "test")) is not None:
        try:
            jobs.finish(place.engine, job, "test", handlers[job.kind](job))
        except Refused as error:
            jobs.fail(place.engine, job, "test", str(error), final=True)
        settled += 1
    return settled


def api(client: TestClient) -> dict[str, str]:
    """Headers of a script on the page."""
    return {"x-csrf-token": csrf(client, "/account"), "accept": "application/json"}
