"""What a running server holds: its settings, database, signing keys, folders and counters."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import Engine, select
from starlette.requests import Request

from usnet.errors import ConfigError
from usnet.store import chain, migrate
from usnet.store.blobs import Blobs
from usnet.store.database import connect, reading
from usnet.store.together import Together
from usnet.web.settings import Settings
from usnet.web.tables import Account


@dataclass(frozen=True, slots=True)
class Metrics:
    """Counters of one server; a registry of its own, so that two servers in one process do not mix."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    refused: Counter

    @classmethod
    def new(cls) -> Metrics:
        """Counters at zero."""
        registry = CollectorRegistry()
        return cls(
            registry,
            Counter("usnet_requests", "Requests answered", ("method", "route", "status"), registry=registry),
            Histogram("usnet_request_seconds", "Time to answer", ("route",), registry=registry),
            Counter("usnet_refused", "Requests refused before their route", ("why",), registry=registry),
        )


@dataclass(frozen=True, slots=True)
class Workplace:
    """One server's state. ``saves`` commits what people save, ``key`` signs cookies and hashes, ``audit_key`` the audit log;
    ``first_run`` is the token that lets the first administrator be made, kept by :func:`usnet.web.app.create_app`'s caller."""

    settings: Settings
    engine: Engine
    saves: Together = field(repr=False)
    key: bytes = field(repr=False)
    audit_key: bytes = field(repr=False)
    first_run: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(18))
    metrics: Metrics = field(default_factory=Metrics.new)

    def files(self, exam: str) -> Blobs:
        """The folder of one exam: deleting an exam deletes it, and no other exam's files lie in it."""
        if not (len(exam) == 32 and exam.isalnum()):
            raise ConfigError(f"exam {exam[:40]!r}", expected="32 letters and digits")
        return Blobs(self.settings.data / "exams" / exam)

    def keyed(self, purpose: str, text: str) -> str:
        """HMAC-SHA256 of a text for one purpose, in hex."""
        return hmac.new(self.key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def open_workplace(settings: Settings) -> Workplace:
    """Make the folders, bring the database to this version, load the keys.

    Raises
    ------
    ConfigError
        The data folder cannot be made, or a key is damaged.
    DataError
        The database was made by a newer usnet.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"cannot be made ({error.strerror})", source=settings.data, expected="a folder") from error
    engine = connect(settings.database_url)
    migrate.upgrade(engine)
    return Workplace(
        settings, engine, Together(engine), chain.load_key(settings.data / "web.key"), audit_key(settings.data)
    )


def audit_key(data: Path) -> bytes:
    """The key of the audit log in a data folder, made at the first call."""
    return chain.load_key(data / "audit.key")


def has_administrator(engine: Engine) -> bool:
    """Whether an account exists that may administer."""
    with reading(engine) as session:
        query = select(Account.id).where(Account.role == "administrator", Account.disabled.is_(False)).limit(1)
        return session.scalar(query) is not None


def workplace_of(request: Request) -> Workplace:
    """The server that a request came to."""
    found: Workplace = request.app.state.workplace
    return found
