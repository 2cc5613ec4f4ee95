"""A PostgreSQL server of the test's own: a cluster in a temporary folder on a free port of loopback, stopped at the end.

``with cluster(folder) as server: server.database()`` gives the URL of an empty database. As root it runs as the user ``postgres``,
because the server refuses to be root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helpers.ports import free_port


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``: on the path, or where Debian puts the newest one."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return places[-1].parent if places else None


@dataclass(frozen=True)
class Server:
    """A running server; ``user`` may do everything in it, without a password, from this machine."""

    host: str
    port: int
    user: str
    bin: Path
    folder: Path
    options: str

    def restart(self) -> None:
        """Stop as a crash would, and start again."""
        stop, start = (["-m", "immediate", "stop"], ["-l", self.folder / "run" / "log", "-o", self.options, "start"])
        for words in (stop, start):
            command = [self.bin / "pg_ctl", "-D", self.folder / "cluster", "-w", "-t", "60", *words]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_demotion())

    def database(self) -> str:
        """URL of a new, empty database."""
        name = f"usnet_{uuid.uuid4().hex[:12]}"
        command = ["createdb", "-h", self.host, "-p", str(self.port), "-U", self.user, name]
        subprocess.run([self.bin / command[0], *command[1:]], check=True, capture_output=True)
        return f"postgresql://{self.user}@{self.host}:{self.port}/{name}"


@contextmanager
def cluster(folder: Path, *, durable: bool = False) -> Iterator[Server]:
    """A server whose data lie in ``folder``; ``durable``: commits are synced to disk, as they are outside of tests.

    Raises
    ------
    RuntimeError
        PostgreSQL is not installed, or as root there is no user ``postgres``.
    """
    place = programs()
    if place is None:
        raise RuntimeError("PostgreSQL is not installed (Debian: postgresql)")
    demote = _demotion()
    data, run = folder / "cluster", folder / "run"
    run.mkdir(parents=True)
    _own(folder, run)
    port = free_port()
    make = [place / "initdb", "-D", data, "-U", "usnet", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True, **demote)
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {run} -c max_connections=120"
    options += "" if durable else " -c fsync=off"
    control = [place / "pg_ctl", "-D", data, "-w", "-t", "60"]
    log = ["-l", run / "log"]
    subprocess.run([*control, *log, "-o", options, "start"], check=True, capture_output=True, **demote)
    try:
        yield Server("127.0.0.1", port, "usnet", place, folder, options)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, **demote)


def _demotion() -> dict[str, object]:
    """Arguments of ``subprocess.run`` that make a child of root the user ``postgres``."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        raise RuntimeError("as root, PostgreSQL needs the user postgres (Debian: postgresql)") from None
    return {
        "user": entry.pw_uid,
        "group": entry.pw_gid,
        "extra_groups": [],
        "cwd": "/",
        "env": {"PATH": os.environ["PATH"]},
    }


def _own(folder: Path, run: Path) -> None:
    """Let that user into ``folder`` and through the folders above it."""
    if os.geteuid() != 0:
        return
    entry = pwd.getpwnam("postgres")
    for path in (folder, run):
        os.chown(path, entry.pw_uid, entry.pw_gid)
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and parent != Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
