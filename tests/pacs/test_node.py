"""The node as a process: how it starts, refuses to start, stops, and leaves nobody behind."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from servers import Node, wait_for
from siege import tree

NOWHERE = {"kind": "dicom", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": 1}
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The node of this module, not started."""
    node = Node(tmp_path_factory.mktemp("node"), NOWHERE)
    yield node
    node.stop()


@pytest.fixture
def node(only: Node) -> Node:
    """The node, running: a start takes seconds, so it is started only where an earlier test has ended it."""
    if only.ended:
        only.start()
    return only


def result(node: Node) -> tuple[int, str]:
    """Exit code and output of a node that is expected to end by itself."""
    node.begin()
    wait_for(lambda: node.ended, what="its end")
    return node.stop(), node.output()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    node = Node(tmp_path, NOWHERE)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # see free_port
        other.bind(("127.0.0.1", node.port))
        other.listen()
        code, said = result(node)
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{node.port}" in said


@pytest.mark.parametrize(
    ("sections", "code", "words"),
    [
        ({"model": {"bundle": "no-such-model"}}, 4, "no-such-model"),
        ({"node": {"colour": "blue"}}, 2, "node.colour"),
        ({"spool": {"database": "mysql://somewhere"}}, 2, "sqlite or postgresql"),
    ],
)
def test_what_cannot_start_says_why(tmp_path: Path, sections: dict[str, Any], code: int, words: str) -> None:
    got, said = result(Node(tmp_path, NOWHERE, **sections))
    assert got == code
    assert words in said
    assert "Traceback" not in said


@linux
def test_a_kill_of_the_node_ends_its_workers(node: Node) -> None:
    family = [process for process in tree(node.pid) if process != node.pid]
    assert family
    node.kill(group=False)
    wait_for(lambda: not [process for process in family if _runs(process)], what="the end of the workers")


def _runs(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@linux
def test_a_worker_that_dies_is_replaced(node: Node) -> None:
    wait_for(lambda: len(_workers(node)) == 1, what="the worker alone: one that starts a child looks like two")
    first = _workers(node)
    subprocess.run(["kill", "-9", str(first[0])], check=True)
    wait_for(lambda: set(_workers(node)) - set(first), what="another worker")
    wait_for(lambda: "another is started" in node.output(), what="the note about it")


def _workers(node: Node) -> list[int]:
    found = []
    for process in tree(node.pid):
        with suppress(OSError):
            if b"usnet.pacs.worker" in Path(f"/proc/{process}/cmdline").read_bytes():
                found.append(process)
    return found


def test_the_spool_is_closed_to_others(node: Node) -> None:
    assert (node.folder / "spool").stat().st_mode & 0o077 == 0


def test_sigterm_ends_it_in_peace(node: Node) -> None:
    assert node.stop() == 0
    assert node.output().rstrip().endswith("Stopped.")


def test_sigint_too(node: Node) -> None:
    node.signal(signal.SIGINT)
    assert node.stop() == 0
