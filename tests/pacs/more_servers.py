"""What else the tests start or make: a PostgreSQL server, and certificates."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers import wait_for

from helpers.ports import free_port


class Certificates:
    """An authority and one certificate for 127.0.0.1, made by openssl."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.authority, self.certificate, self.key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
        names = folder / "names.cnf"
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
        new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
        ca_key = folder / "ca.key"
        _quietly(
            [
                *new,
                "-x509",
                "-days",
                "2",
                "-subj",
                "/CN=test authority",
                "-keyout",
                str(ca_key),
                "-out",
                str(self.authority),
            ]
        )
        request = folder / "cert.csr"
        _quietly([*new, "-subj", "/CN=127.0.0.1", "-keyout", str(self.key), "-out", str(request)])
        sign = [
            "openssl",
            "x509",
            "-req",
            "-days",
            "2",
            "-CA",
            str(self.authority),
            "-CAkey",
            str(ca_key),
            "-CAcreateserial",
        ]
        _quietly([*sign, "-in", str(request), "-extfile", str(names), "-out", str(self.certificate)])

    def toml(self) -> dict[str, str]:
        """As a TLS section of node.toml."""
        return {"certificate": str(self.certificate), "key": str(self.key), "authorities": str(self.authority)}


def _quietly(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


class Postgres:
    """A PostgreSQL server on a free loopback port, as its own user where the tests run as root (it refuses root)."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port, self._count = folder, free_port(), 0
        self._bin = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        """Why there can be no server; empty where there can."""
        if importlib.util.find_spec("pg8000") is None:
            return "pg8000 is not installed (extra postgres)"
        return (
            ""
            if list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
            else "PostgreSQL is not installed (Debian: postgresql)"
        )

    def __enter__(self) -> Postgres:
        self._user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self._home = Path(tempfile.mkdtemp(prefix="usnet-pg-"))  # pytest's folders are closed to other users
        if self._user:
            shutil.chown(self._home, "postgres")
        data = self._home / "data"
        _quietly([*self._user, str(self._bin / "initdb"), "-D", str(data), "-U", "usnet", "-A", "trust", "-N"])
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._home)]
        with (self._folder / "postgres.log").open("wb") as log:
            command = [*self._user, str(self._bin / "postgres"), "-D", str(data), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._home)
        wait_for(self._answers, what="PostgreSQL")
        return self

    def __exit__(self, *_: object) -> None:
        data = self._home / "data"
        _quietly([*self._user, str(self._bin / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop"])
        if self._process is not None:
            self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self) -> bool:
        ready = [str(self._bin / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        return subprocess.run(ready, check=False).returncode == 0

    def fresh(self) -> str:
        """URL of a new, empty database."""
        self._count += 1
        name = f"test{self._count}"
        _quietly([str(self._bin / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "usnet", name])
        return f"postgresql://usnet@127.0.0.1:{self.port}/{name}"
