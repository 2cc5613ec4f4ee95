"""STOW-RS as a way in: what is kept, what is refused, and how the answer says so."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import deflated, examples
from pydicom import dcmread
from sqlalchemy import Engine, select
from test_node_config import written

from usnet.pacs.config import load
from usnet.pacs.part10 import meta_of
from usnet.pacs.spool import Spool
from usnet.pacs.tables import InstanceRow
from usnet.store.database import connect, reading
from usnet.store.migrate import upgrade

httpx = pytest.importorskip("httpx")
pytest.importorskip("python_multipart", reason="python-multipart is not installed (extra web)")
KIND = 'multipart/related; type="application/dicom"; boundary=cut'


class Door:
    """The application with a spool and a database of its own."""

    def __init__(self, folder: Path, **sections: Any) -> None:
        from usnet.pacs.stow import Stow

        config = load(written(folder, **({"stow": {}} | sections)))
        self.spool = Spool(folder / "spool", quota_mib=config.spool.quota_mib, reserve_mib=0)
        self.engine: Engine = connect(f"sqlite:///{folder / 'node.db'}")
        upgrade(self.engine)
        self._app = Stow(config, self.spool, self.engine)

    def post(self, body: bytes, kind: str = KIND, path: str = "/studies", method: str = "POST", **headers: str) -> Any:
        """One request."""

        async def ask() -> Any:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://node") as client:
                return await client.request(method, path, content=body, headers={"Content-Type": kind} | headers)

        return asyncio.run(ask())

    def rows(self) -> list[InstanceRow]:
        """What was noted."""
        with reading(self.engine) as session:
            return list(session.scalars(select(InstanceRow)))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    door = Door(tmp_path)
    yield door
    door.engine.dispose()
    assert not list(door.spool.incoming.iterdir()), "nothing half is left"


def message(*parts: bytes) -> bytes:
    return (
        b"".join(b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n" for part in parts)
        + b"--cut--\r\n"
    )


def test_objects_are_kept_and_named(door: Door, stills: list[Path]) -> None:
    answer = door.post(message(*(path.read_bytes() for path in stills[:3])))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    named = [one["00081155"]["Value"][0] for one in answer.json()["00081199"]["Value"]]
    assert named == [dcmread(path).SOPInstanceUID for path in stills[:3]]
    assert [row.sop_instance_uid for row in door.rows()] == named
    assert dcmread(door.spool.blobs.path(door.rows()[0].sha256)) == dcmread(stills[0])


def test_a_preamble_is_not_kept(door: Door, stills: list[Path]) -> None:
    program = b"MZ" + b"\x90" * 126 + stills[0].read_bytes()[128:]
    assert door.post(message(program)).status_code == 200
    assert door.spool.blobs.path(door.rows()[0].sha256).read_bytes()[:132] == b"\0" * 128 + b"DICM"


def test_the_same_bytes_as_by_c_store(door: Door, stills: list[Path], tmp_path: Path) -> None:
    """Both ways in give one spool file, so that an object that comes twice is one."""
    from listening import listening

    door.post(message(stills[0].read_bytes()))
    with listening(tmp_path / "other") as ear:
        assert ear.send(stills[0]) == 0
        assert ear.rows()[0].sha256 == door.rows()[0].sha256


def test_good_and_bad_together(door: Door, stills: list[Path]) -> None:
    bomb = deflated(1 << 20)
    answer = door.post(message(b"no DICOM", stills[0].read_bytes(), bomb))
    assert answer.status_code == 202
    failures = [one["00081197"]["Value"][0] for one in answer.json()["00081198"]["Value"]]
    assert failures == [0xC000, 0xC122]
    assert len(door.rows()) == 1


def test_other_kinds_are_refused(door: Door, stills: list[Path]) -> None:
    report = dcmread(stills[0])
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.34"
    target = io.BytesIO()
    report.save_as(target)
    answer = door.post(message(target.getvalue()))
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0122]
    assert not door.rows()


@pytest.mark.parametrize(
    ("body", "options", "status"),
    [
        (b"", {}, 400),
        (b"--cut--\r\n", {}, 400),
        (b"--cut\r\nContent-Type: application/dicom\r\n\r\nno end", {}, 400),
        (b"no boundary at all", {}, 400),
        (message(b"x"), {"kind": "application/dicom"}, 415),
        (message(b"x"), {"kind": 'multipart/related; type="application/dicom+xml"; boundary=cut'}, 415),
        (message(b"x"), {"kind": 'multipart/related; type="application/dicom"'}, 415),
        (message(b"x"), {"path": "/"}, 404),
        (message(b"x"), {"path": "/studies/1.2/series"}, 404),
        (b"", {"method": "GET"}, 405),
    ],
)
def test_wrong_requests(door: Door, body: bytes, options: dict[str, str], status: int) -> None:
    assert door.post(body, **options).status_code == status
    assert not door.rows()


def test_bounds(tmp_path: Path, stills: list[Path]) -> None:
    small = Door(tmp_path, node={"file_mib": 1})
    assert small.post(message(b"\0" * (1 << 21))).status_code == 413
    full = Door(tmp_path, spool={"quota_mib": 1})
    full.spool.keep([b"x" * (1 << 20), b"y"], 1 << 22)
    answer = full.post(message(stills[0].read_bytes()))
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]


@pytest.mark.parametrize(
    ("given", "status"), [("", 401), ("Bearer wrong", 401), ("Basic c2VjcmV0", 401), ("Bearer second", 200)]
)
def test_tokens(tmp_path: Path, stills: list[Path], given: str, status: int) -> None:
    (tmp_path / "tokens").write_text("first\nsecond\n")
    door = Door(tmp_path, stow={"token_file": "tokens"})
    headers = {"Authorization": given} if given else {}
    assert door.post(message(stills[0].read_bytes()), **headers).status_code == status


@pytest.mark.parametrize("name", examples())
def test_meta_information_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(examples()[name])
    meta, right = meta_of(path), dcmread(path, stop_before_pixels=True).file_meta
    assert (meta.sop_class, meta.syntax) == (right.MediaStorageSOPClassUID, right.TransferSyntaxUID)
    assert examples()[name][meta.offset : meta.offset + 2] != b"\x02\x00"
