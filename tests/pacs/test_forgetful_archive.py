"""That an archive says 'stored' is not believed: what it does not have afterwards is sent again, then given up with the reason."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt
from servers import Node, running, wait_for
from typer.testing import CliRunner

from helpers.ports import free_port
from usnet.cli.app import app
from usnet.pacs.dimse import FIND

ECHO = "1.2.840.10008.1.1"


class Forgetful:
    """An archive that takes everything, and keeps it only where it is ``honest``."""

    def __init__(self) -> None:
        self.port, self.honest = free_port(), False
        self.taken: list[str] = []
        self._kept: dict[str, Dataset] = {}
        self._entity = AE(ae_title="FORGETFUL")
        for context in AllStoragePresentationContexts:
            self._entity.add_supported_context(str(context.abstract_syntax))
        for kind in (ECHO, FIND):
            self._entity.add_supported_context(kind)

    def __enter__(self) -> Forgetful:
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_FIND, self._find)]
        self._entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        return self

    def __exit__(self, *_: object) -> None:
        self._entity.shutdown()

    def _store(self, event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.taken.append(uid)
        if self.honest:
            self._kept[uid] = event.dataset
        return 0x0000

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for uid, dataset in list(self._kept.items()):
            if dataset.SeriesInstanceUID == event.identifier.SeriesInstanceUID:
                answer = Dataset()
                answer.QueryRetrieveLevel, answer.SOPInstanceUID = "IMAGE", uid
                yield 0xFF00, answer

    def peer(self) -> dict[str, Any]:
        """As a section of node.toml."""
        return {"kind": "dicom", "ae_title": "FORGETFUL", "host": "127.0.0.1", "port": self.port}


def test_push_does_not_believe_it(tmp_path: Path, stills: list[Path]) -> None:
    with Forgetful() as archive:
        node = Node(tmp_path, archive.peer())
        command = ["pacs", "push", str(stills[0]), "--config", str(node.config)]
        lost = CliRunner().invoke(app, command)
        assert lost.exit_code == 5
        assert "it was acknowledged but is not found in the archive" in lost.output
        assert "0 objects sent and found, 1 not" in lost.output
        archive.honest = True
        kept = CliRunner().invoke(app, command)
        assert kept.exit_code == 0, kept.output
        assert "1 objects sent and found" in kept.output


def test_the_node_tries_again_gives_up_with_the_reason_and_takes_up_again(tmp_path: Path, stills: list[Path]) -> None:
    with Forgetful() as archive:
        node = Node(tmp_path, archive.peer(), work={"attempts": 3})
        with running(node):
            send = ["storescu", "-aet", "SCANNER", "-aec", "USNET", "127.0.0.1", str(node.port), str(stills[0])]
            subprocess.run(send, check=True)
            (letter,) = wait_for(lambda: _status(node)["dead_letters"], what="a dead letter")
            assert letter["kind"] == "study"
            assert "2 of 2 results were acknowledged but are not found" in letter["reason"]
            assert "Look whether the archive moves or filters them" in letter["reason"]
            assert len(archive.taken) == 3 * 2, "an SR and an SC in each of three attempts"
            assert len(set(archive.taken)) == 2, "always the same two objects"
            archive.honest = True
            again = CliRunner().invoke(app, ["pacs", "retry", "--config", str(node.config)])
            assert again.output.strip() == "1 taken up again"
            wait_for(lambda: _status(node)["counts"]["objects answered"] == 1, what="the answer")
            assert _status(node)["dead_letters"] == []
            assert len(archive.taken) == 4 * 2


def _status(node: Node) -> Any:
    return json.loads(CliRunner().invoke(app, ["pacs", "status", "--json", "--config", str(node.config)]).stdout)


@pytest.mark.parametrize("command", [["query"], ["worklist"], ["push", "x"], ["pull", "1.2.3", "--out", "out"]])
def test_addresses_come_from_the_configuration_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stills: list[Path], command: list[str]
) -> None:
    """An address is no name of a peer, whoever writes it."""
    monkeypatch.chdir(tmp_path)
    node = Node(tmp_path, {"kind": "dicomweb", "url": "http://127.0.0.1:9/dicom-web"})
    wanted = [str(stills[0]) if word == "x" else word for word in command]
    elsewhere = ["--peer", "http://127.0.0.1:9/elsewhere", "--config", str(node.config)]
    result = CliRunner().invoke(app, ["pacs", *wanted, *elsewhere])
    assert getattr(result.exception, "exit_code", None) == 2
    assert "http://127.0.0.1:9/elsewhere" in str(result.exception)
