"""What a server is started with."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from usnet.errors import ConfigError

MEBIBYTE = 1 << 20
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def default_folder() -> Path:
    """Where a user's data lie: ``$XDG_DATA_HOME/usnet``, or ``~/.local/share/usnet``."""
    base = os.environ.get("XDG_DATA_HOME")
    return Path(base) / "usnet" if base else Path.home() / ".local" / "share" / "usnet"


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Settings:
    """Choices of a server.

    Parameters
    ----------
    data
        Folder of everything that is kept: database, images, keys. Made if it is missing, for its owner alone.
    database
        URL of the database; a SQLite file in ``data`` for ``None``.
    host, port
        Where to listen. Port 0 takes a free one.
    login
        Ask for an account on a loopback address too. Any other address always asks.
    bundle
        The model, as for ``usnet diagnose``.
    workers
        Processes that read files and run the model. Two keep two cores busy; each takes about half a GiB.
    worker_memory
        Bytes of address space a worker may have; a file that needs more is refused.
    max_upload
        Bytes of one file. 512 MiB holds a minute of uncompressed colour cine.
    max_body
        Bytes of any other request.
    queue_limit
        Jobs that may wait or run; further ones are refused with 429, so that nobody waits without knowing.
    retention_days
        Exams are deleted after so many days; ``None`` keeps them.
    session_hours
        A login ends after so long.
    slow_seconds
        A request whose next bytes take longer is ended.
    roots
        Folders whose datasets and runs administrators may open in the browser; none for nothing.
    oidc
        File that names an identity provider (:mod:`usnet.web.oidc.config`); people then sign in on a loopback address too.

    Raises
    ------
    ConfigError
        A number is out of its range.
    """

    data: Path
    database: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    login: bool = False
    bundle: str | None = None
    workers: int = 2
    worker_memory: int = 1024 * MEBIBYTE
    max_upload: int = 512 * MEBIBYTE
    max_body: int = MEBIBYTE
    queue_limit: int = 64
    retention_days: int | None = 30
    session_hours: float = 12.0
    slow_seconds: float = 20.0
    roots: tuple[str, ...] = ()
    oidc: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 0 or self.queue_limit < 1 or not 0 <= self.port < 65536:
            raise ConfigError(
                f"{self.workers} workers, queue of {self.queue_limit}, port {self.port}",
                expected="workers from 0, a queue from 1, a port from 0 to 65535",
            )
        if self.retention_days is not None and self.retention_days < 1:
            raise ConfigError(f"retention of {self.retention_days} days", expected="1 or more, or none")

    @property
    def needs_login(self) -> bool:
        """Whether people sign in; without, everybody on this machine is the local administrator."""
        return self.login or self.oidc is not None or not is_loopback(self.host)

    @property
    def database_url(self) -> str:
        """``database``, or that of the file in ``data``."""
        return self.database or f"sqlite:///{self.data / 'usnet.sqlite'}"
