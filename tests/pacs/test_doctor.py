"""What is wrong between node and archive is said with a hint that helps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from more_servers import Certificates
from servers import Node, Orthanc, running

from helpers.ports import free_port
from usnet.errors import PacsError
from usnet.pacs.config import WebPeer
from usnet.pacs.dicomweb import WebLink
from usnet.pacs.doctor import Check, examine


def found(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An archive that knows a node called KNOWN, but not its port for moves."""
    archive = Orthanc(tmp_path_factory.mktemp("doctor"))
    archive.tell({"known": ["KNOWN", "127.0.0.1", free_port()], "pull": ["USNETPULL", "127.0.0.1", free_port()]})
    with running(archive):
        yield archive


def checks_of(folder: Path, peer: dict[str, Any], *, store: bool = False, **sections: Any) -> dict[str, Check]:
    """With defaults for a node that the archive knows."""
    node = {"node": {"ae_title": "KNOWN"}, "pull": {"port": free_port()}}
    return found(examine(Node(folder, peer, **(node | sections)).config, store=store))


def dicom(port: int, **changes: Any) -> dict[str, Any]:
    return {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": port} | changes


def test_nobody_there(tmp_path: Path) -> None:
    checks = checks_of(tmp_path, dicom(free_port()))
    assert checks["network"].outcome == "bad"
    assert "does not run, or listens on another port" in checks["network"].text
    assert "echo" not in checks
    assert [checks[name].outcome for name in ("configuration", "spool", "database", "model")] == ["good"] * 4


def test_no_such_host(tmp_path: Path) -> None:
    checks = checks_of(tmp_path, dicom(104, host="no-such-host.invalid"))
    assert "no address for host" in checks["network"].text


def test_something_else_listens(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def hang_up() -> None:
            for _ in range(3):
                other.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        checks = checks_of(tmp_path, dicom(other.getsockname()[1]))
    assert checks["echo"].outcome == "bad"
    assert "broke the connection off" in checks["echo"].text
    assert "TLS" in checks["echo"].text


@pytest.mark.pacs
def test_wrong_name_of_the_archive(archive: Orthanc, tmp_path: Path) -> None:
    checks = checks_of(tmp_path, dicom(archive.dicom_port, ae_title="WRONG"))
    assert "The archive is not called WRONG" in checks["echo"].text


@pytest.mark.pacs
def test_an_archive_that_does_not_know_the_node(archive: Orthanc, tmp_path: Path) -> None:
    """Orthanc answers queries of strangers with nothing, which looks like an empty archive."""
    checks = checks_of(tmp_path, dicom(archive.dicom_port), store=True, node={"ae_title": "STRANGER"})
    assert checks["echo"].outcome == checks["store"].outcome == "good"
    assert checks["query"].outcome == "bad" or "enter STRANGER in its list" in checks["find"].text


@pytest.mark.pacs
def test_a_way_that_is_open_in_one_direction_only(archive: Orthanc, tmp_path: Path) -> None:
    checks = checks_of(tmp_path, dicom(archive.dicom_port), store=True)
    assert [checks[name].outcome for name in ("echo", "find", "store contexts", "store", "query")] == ["good"] * 5
    assert checks["move"].outcome == "bad"
    assert "firewalls often open one direction only" in checks["move"].text


@pytest.mark.pacs
def test_a_destination_that_the_archive_does_not_know(archive: Orthanc, tmp_path: Path) -> None:
    pull = {"ae_title": "UNKNOWN", "port": free_port()}
    checks = checks_of(tmp_path, dicom(archive.dicom_port), store=True, pull=pull)
    assert checks["move"].outcome == "bad"
    assert "UNKNOWN" in checks["move"].text


@pytest.mark.pacs
def test_tls_where_there_is_none(archive: Orthanc, tmp_path: Path) -> None:
    tls = Certificates(tmp_path / "tls").toml()
    checks = checks_of(tmp_path / "node", dicom(archive.dicom_port, tls=tls))
    assert checks["echo"].outcome == "bad"
    assert "TLS" in checks["echo"].text


@pytest.mark.pacs
def test_a_web_root_that_is_none(archive: Orthanc, tmp_path: Path) -> None:
    checks = checks_of(tmp_path, {"kind": "dicomweb", "url": f"{archive.url}/wrong"})
    assert checks["QIDO-RS"].outcome == "bad" or "no study of the last" in checks["QIDO-RS"].text


@contextmanager
def web(status: int, headers: dict[str, str]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A web server that answers everything in one way; its address, and the headers of what came."""
    came: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(dict(self.headers))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        server.server_close()


def test_a_redirect_takes_no_token_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    with (
        web(200, {}) as (elsewhere, came),
        web(302, {"Location": elsewhere}) as (url, _),
        WebLink(WebPeer(kind="dicomweb", url=url, token_file=tmp_path / "token"), "web") as link,
        pytest.raises(PacsError, match="redirect"),
    ):
        link.echo()
    assert came == []


@pytest.mark.parametrize(("status", "hint"), [(401, "token_file"), (403, "may not"), (500, "log")])
def test_statuses_have_hints(tmp_path: Path, status: int, hint: str) -> None:
    (tmp_path / "token").write_text("secret")
    with (
        web(status, {}) as (url, came),
        WebLink(WebPeer(kind="dicomweb", url=url, token_file=tmp_path / "token"), "web") as link,
        pytest.raises(PacsError, match=hint) as error,
    ):
        link.echo()
    assert error.value.exit_code == 6
    assert came[0]["Authorization"] == "Bearer secret"
