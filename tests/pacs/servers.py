"""Real servers for the tests, each in a folder of its own on ports that the system gave: Debian's Orthanc, and the node."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from helpers.ports import free_port

PLUGINS = [Path("/usr/share/orthanc/plugins") / f"lib{name}.so" for name in ("OrthancDicomWeb", "ModalityWorklists")]
ROUTE = """
function OnStoredInstance(instanceId, tags, metadata, origin)
  if origin['RequestOrigin'] ~= 'Lua' and tags['Modality'] == 'US' then
    SendToModality(instanceId, 'usnet')
  end
end
"""
STABLE_ROUTE = """
function OnStableStudy(studyId, tags, metadata)
  SendToModality(studyId, 'usnet')
end
"""


PATIENCE = 300.0
"""Seconds that a test waits for what must come: a loaded machine is slow, and is not at fault."""


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE, what: str = "the condition") -> Any:
    """The first true value of ``condition``."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.1)


class Orthanc:
    """An Orthanc with its own storage. ``modalities`` are name: [AE title, host, port]."""

    def __init__(
        self, folder: Path, modalities: dict[str, list[Any]] | None = None, *, lua: str = "", **options: Any
    ) -> None:
        self.folder = folder
        self.dicom_port, self.http_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "route.lua").write_text(lua)
        settings = {
            "Name": "test archive",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomCheckCalledAet": True,
            "DicomModalities": modalities or {},
            "LuaScripts": [str(folder / "route.lua")] if lua else [],
            "Plugins": [str(path) for path in PLUGINS if path.exists()],
            "StableAge": 2,
            "DicomScuTimeout": int(PATIENCE),  # by default it gives up after 10 s, and does not send again
            "DicomScpTimeout": int(PATIENCE),
            "JobsHistorySize": 10,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        } | options
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, modalities: dict[str, list[Any]], **options: Any) -> None:
        """Set whom it knows, before it starts."""
        self._settings |= {"DicomModalities": modalities} | options

    def start(self) -> None:
        """Start, and wait until it answers."""
        (self.folder / "orthanc.json").write_text(json.dumps(self._settings))
        with (self.folder / "orthanc.log").open("ab") as log:
            self._process = subprocess.Popen(["Orthanc", str(self.folder / "orthanc.json")], stdout=log, stderr=log)
        wait_for(self._answers, what="Orthanc")

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "orthanc.log").read_text(errors="replace")[-2000:]
        try:
            return self.get("/system").ok
        except requests.ConnectionError:
            return False

    def get(self, path: str, **options: Any) -> requests.Response:
        """Orthanc's own REST interface."""
        return requests.get(self.url + path, timeout=60, **options)

    def post(self, path: str, body: Any) -> Any:
        """Orthanc's own REST interface, with JSON."""
        answer = requests.post(self.url + path, json=body, timeout=120)
        answer.raise_for_status()
        return answer.json()

    def send(self, path: Path) -> None:
        """Give it a file as a modality would, but by HTTP."""
        requests.post(self.url + "/instances", data=path.read_bytes(), timeout=60).raise_for_status()

    def instances(self, modality: str | None = None) -> list[dict[str, str]]:
        """Every object: Orthanc's ID, modality, and the UIDs of study, series and object."""
        found = []
        for one in self.get("/instances?expand").json():
            tags = self.get(f"/instances/{one['ID']}/simplified-tags").json()
            if modality in (None, tags["Modality"]):
                uids = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "uid": "SOPInstanceUID"}
                found.append({"ID": one["ID"], "modality": tags["Modality"]} | {k: tags[v] for k, v in uids.items()})
        return found

    def datasets(self, modality: str) -> list[Any]:
        """The objects themselves."""
        import io

        from pydicom import dcmread

        files = [self.get(f"/instances/{one['ID']}/file").content for one in self.instances(modality)]
        return [dcmread(io.BytesIO(content)) for content in files]

    def series(self) -> dict[str, dict[str, list[str]]]:
        """Sorted SOP Instance UIDs by study and modality."""
        found: dict[str, dict[str, list[str]]] = {}
        for one in sorted(self.instances(), key=lambda one: one["uid"]):
            found.setdefault(one["study"], {}).setdefault(one["modality"], []).append(one["uid"])
        return found


class Node:
    """``usnet node`` as a process, in a folder that outlives it."""

    def __init__(self, folder: Path, archive: dict[str, Any], **sections: dict[str, Any]) -> None:
        self.folder = folder
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "node.toml"
        document: dict[str, dict[str, Any]] = {
            "node": {"ae_title": "USNET", "port": self.port, "callers": ["ORTHANC", "SCANNER"]},
            "peers": {"archive": archive},
            "results": {"to": "archive"},
            "spool": {"reserve_mib": 0},
            "work": {"quiet_seconds": 0.5, "lease_seconds": 3.0, "back_off_seconds": 0.2},
        }
        for name, values in sections.items():
            document[name] = document.get(name, {}) | values
        self.config.write_text(toml(document))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Start, and wait until it says that it is ready."""
        self.begin(*arguments)
        wait_for(
            lambda: self.ended or "to archive" in self.output() or "receiving nothing" in self.output(),
            what="the node",
        )
        assert not self.ended, self.output()

    def begin(self, *arguments: str) -> None:
        """Start in a process group of its own, without waiting."""
        command = [sys.executable, "-m", "usnet", "node", "-v", "--config", str(self.config), *arguments]
        log = self.folder / "node.log"
        if log.exists():
            log.rename(self.folder / f"node-{time.time_ns()}.log")
        with log.open("wb") as output:
            environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, start_new_session=True, env=environment
            )

    @property
    def pid(self) -> int:
        """Of the main process."""
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the main process is gone."""
        return self._process is None or self._process.poll() is not None

    def output(self) -> str:
        """What it wrote since its start."""
        return (self.folder / "node.log").read_text(errors="replace")

    def kill(self, *, group: bool = True) -> None:
        """SIGKILL, to its process group or to the main process alone."""
        if self._process is not None:
            if group:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, as a terminal does."""
        os.killpg(self.pid, number)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self._process is None:
            return 0
        if not self.ended:
            self._process.terminate()
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def toml(document: dict[str, Any], prefix: str = "") -> str:
    """Nested tables as TOML; JSON's spelling of values is TOML's."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in document.items() if not isinstance(value, dict)]
    for key, value in document.items():
        if isinstance(value, dict):
            lines += [f"[{prefix}{key}]", toml(value, f"{prefix}{key}.")]
    return "\n".join(lines) + "\n"


@contextmanager
def running(*servers: Orthanc | Node) -> Iterator[None]:
    """Start servers in order, and stop them whatever happens."""
    started: list[Orthanc | Node] = []
    try:
        for server in servers:
            started.append(server)
            server.start()
        yield
    finally:
        for server in reversed(started):
            server.stop()
