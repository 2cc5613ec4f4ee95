"""What the node's ear takes, refuses, and survives."""

from __future__ import annotations

import hashlib
import io
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from listening import Ear, listening, recoded
from more_servers import Certificates
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import build_context
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu import P_DATA_TF
from servers import PATIENCE, wait_for

from usnet.pacs.config import TlsFiles
from usnet.pacs.contexts import SECONDARY_CAPTURE, ULTRASOUND
from usnet.pacs.tls import client_context

FULL = 0xA700


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    with listening(tmp_path) as ear:
        yield ear


def test_success_means_that_bytes_and_note_are_there(ear: Ear, stills: list[Path]) -> None:
    assert ear.send(stills[0]) == 0
    (row,) = ear.rows()
    kept = ear.spool.blobs.path(row.sha256)
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == row.sha256
    sent, found = dcmread(stills[0]), dcmread(kept)
    assert found == sent
    assert (row.state, row.sender, row.size) == ("new", "SCANNER", kept.stat().st_size)
    assert kept.read_bytes()[:128] == b"\0" * 128
    assert not list(ear.spool.incoming.iterdir())


def test_the_same_object_twice_is_one_note(ear: Ear, stills: list[Path]) -> None:
    assert [ear.send(stills[0]), ear.send(stills[0])] == [0, 0]
    assert len(ear.rows()) == 1


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless],
    ids=lambda s: s.name,
)
def test_encodings_arrive_as_they_were_sent(ear: Ear, stills: list[Path], tmp_path: Path, syntax: UID) -> None:
    path = recoded(stills[0], tmp_path / "recoded.dcm", syntax)
    assert ear.send(path) == 0
    (row,) = ear.rows()
    assert dcmread(ear.spool.blobs.path(row.sha256)).file_meta.TransferSyntaxUID == syntax


def test_big_endian_arrives(ear: Ear) -> None:
    assert ear.send(Path(str(get_testdata_file("ExplVR_BigEnd.dcm")))) == 0
    (row,) = ear.rows()
    assert dcmread(ear.spool.blobs.path(row.sha256)).file_meta.TransferSyntaxUID == ExplicitVRBigEndian


def test_what_is_accepted(ear: Ear) -> None:
    syntaxes = [
        ExplicitVRLittleEndian,
        JPEGBaseline8Bit,
        JPEGLosslessSV1,
        DeflatedExplicitVRLittleEndian,
        UID("1.2.840.10008.1.2.4.102"),
    ]
    kinds = [*ULTRASOUND, SECONDARY_CAPTURE[0], UID("1.2.840.10008.5.1.4.1.1.2")]
    association = ear.call(*(build_context(kind, syntax) for kind in kinds for syntax in syntaxes))
    taken = {(c.abstract_syntax, c.transfer_syntax[0]) for c in association.accepted_contexts}
    association.release()
    assert taken == {(kind, syntax) for kind in ULTRASOUND for syntax in syntaxes[:3]}


def test_secondary_capture_is_taken_where_it_is_wanted(tmp_path: Path) -> None:
    with listening(tmp_path, secondary_capture=True) as ear:
        association = ear.call(build_context(SECONDARY_CAPTURE[0], ExplicitVRLittleEndian))
        assert association.is_established
        association.release()


@pytest.mark.parametrize(("own", "called"), [("STRANGER", "USNET"), ("SCANNER", "OTHER")])
def test_names_must_be_right(ear: Ear, own: str, called: str) -> None:
    assert ear.call(own=own, called=called).is_rejected


def test_addresses_must_be_right(tmp_path: Path) -> None:
    with listening(tmp_path / "closed", networks=("192.0.2.0/24",)) as ear:
        assert not ear.call().is_established
    with listening(tmp_path / "open", networks=("192.0.2.0/24", "127.0.0.1/32")) as ear:
        association = ear.call()
        assert association.is_established
        association.release()


def test_a_uid_that_is_a_path_is_refused(ear: Ear, stills: list[Path], tmp_path: Path) -> None:
    for number, uid in enumerate(("../../../evil", "1.2.3/../../4", "1..2", "01.2")):
        dataset = dcmread(stills[0])
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
        path = tmp_path / f"{number}.dcm"
        dataset.save_as(path)
        assert ear.send(path) not in (0, None)
    assert not ear.rows()
    assert {path.name for path in tmp_path.iterdir()} <= {"spool", *(f"{n}.dcm" for n in range(4)), *DATABASE}


DATABASE = ("node.db", "node.db-wal", "node.db-shm")


def test_a_full_spool_is_said_and_nothing_is_kept(tmp_path: Path, stills: list[Path]) -> None:
    with listening(tmp_path, quota_mib=1) as ear:
        ear.spool.keep([b"x" * (1 << 20), b"y"], 1 << 22)
        assert ear.send(stills[0]) == FULL
        assert not ear.rows()
        assert not list(ear.spool.incoming.iterdir())


def test_an_object_that_is_too_large_ends_the_connection(tmp_path: Path, stills: list[Path]) -> None:
    dataset = dcmread(stills[0])
    dataset.NumberOfFrames = 60
    dataset.PixelData = dataset.PixelData * 60  # 4 MB
    dataset.save_as(tmp_path / "large.dcm")
    with listening(tmp_path / "node", file_mib=1) as ear:
        assert ear.send(tmp_path / "large.dcm") is None
        assert not ear.rows()
        wait_for(lambda: not list(ear.spool.incoming.iterdir()), what="removal of the broken object")
        assert ear.send(stills[0]) == 0


def connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def test_half_open_connections_leave_room(ear: Ear, stills: list[Path]) -> None:
    silent = [connection(ear.port) for _ in range(12)]
    assert ear.send(stills[0]) == 0
    for one in silent:
        one.close()


def test_half_open_connections_are_closed(tmp_path: Path) -> None:
    with listening(tmp_path, idle_seconds=1.0) as ear:
        silent = [connection(ear.port) for _ in range(12)]
        wait_for(lambda: all(map(_closed, silent)), what="the end of the silent ones")
        for one in silent:
            one.close()


def _closed(one: socket.socket) -> bool:
    one.settimeout(0.05)
    try:
        return one.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_too_many_connections_are_refused_not_served(tmp_path: Path, stills: list[Path]) -> None:
    with listening(tmp_path, associations=2, idle_seconds=2.0) as ear:
        flood = [connection(ear.port) for _ in range(60)]
        wait_for(lambda: sum(map(_closed, flood)) >= 30, what="refusals")
        for one in flood:
            one.close()
        wait_for(lambda: _tries(ear, stills[0]) == 0, what="room for others")


def _tries(ear: Ear, path: Path) -> int | None:
    try:
        return ear.send(path)
    except (AssertionError, ConnectionError):
        return None


def test_a_unit_that_claims_four_gigabytes_is_not_read(ear: Ear, stills: list[Path]) -> None:
    with connection(ear.port) as one:
        one.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFFF))
        for _ in range(20):
            try:
                one.sendall(b"\0" * (1 << 16))
            except OSError:
                break
        wait_for(lambda: _closed(one), what="the end of the connection")
    assert ear.send(stills[0]) == 0


def test_answers_come_at_once_and_stay_with_who_waits_for_them(ear: Ear, stills: list[Path]) -> None:
    association = ear.call()
    provider, transport = association.dimse, association.dul.socket
    assert transport is not None
    assert transport.socket is not None
    assert transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    provider.msg_queue.put((1, C_STORE()))  # an answer
    assert provider.get_msg(block=False) == (None, None)  # so does pynetdicom's own thread look for requests
    assert isinstance(provider.get_msg(block=True)[1], C_STORE)
    assert association.send_c_echo().Status == 0
    association.release()
    assert ear.send(stills[0]) == 0


def test_garbage_and_broken_associations(ear: Ear, stills: list[Path]) -> None:
    for data in (
        b"GET / HTTP/1.0\r\n\r\n",
        b"\0" * 5000,
        b"\x01\x00\x00\x00\x00\x44" + b"\xff" * 0x44,
        b"\x04\0\0\0\0\x08" + b"\xff" * 8,
    ):
        with connection(ear.port) as one:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            one.settimeout(PATIENCE)
            while one.recv(4096):
                pass
    assert ear.send(stills[0]) == 0


def test_an_object_that_breaks_off_leaves_nothing(tmp_path: Path, stills: list[Path]) -> None:
    with listening(tmp_path, pdu_kib=16) as ear:  # the object comes in several units
        _break_off(ear, stills[0])
        wait_for(lambda: not list(ear.spool.incoming.iterdir()), what="removal of the half object")
        assert not ear.rows()
        assert ear.send(stills[0]) == 0


def _break_off(ear: Ear, path: Path) -> None:
    """Send the command and the first part of an object, and cut the connection: no thread of the sender has a say in it."""
    association = ear.call(build_context(ULTRASOUND[0], ExplicitVRLittleEndian))
    transport = association.dul.socket
    assert transport is not None
    assert transport.socket is not None
    units = [P_DATA_TF(part).encode() for part in _request(path).encode_msg(1, association.dimse.maximum_pdu_size)]
    assert len(units) > 2
    transport.socket.sendall(units[0] + units[1])
    wait_for(lambda: list(ear.spool.incoming.iterdir()), what="the first part")
    transport.socket.shutdown(socket.SHUT_RDWR)
    association.kill()


def _request(path: Path) -> C_STORE_RQ:
    dataset = dcmread(path)
    primitive, message = C_STORE(), C_STORE_RQ()
    primitive.MessageID, primitive.Priority = 1, 0
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    primitive.DataSet = io.BytesIO(encode(dataset, False, True) or b"")
    message.primitive_to_message(primitive)
    return message


def test_tls_needs_a_certificate_and_waits_for_nobody(tmp_path: Path, stills: list[Path]) -> None:
    made, stranger = Certificates(tmp_path / "tls"), Certificates(tmp_path / "stranger")
    good = client_context(TlsFiles(**made.toml()))  # type: ignore[arg-type]
    bad = ssl.create_default_context(cafile=str(made.authority))
    foreign = ssl.create_default_context(cafile=str(made.authority))
    foreign.load_cert_chain(str(stranger.certificate), str(stranger.key))
    with listening(tmp_path / "node", tls=made.toml(), idle_seconds=600.0) as ear:
        with connection(ear.port) as one, connection(ear.port) as other:  # two clients that never shake hands
            association = ear.call(tls_args=(good, "127.0.0.1"))
            assert association.is_established
            assert not any(map(_closed, (one, other))), "a silent client kept another waiting"
            association.release()
        assert not ear.call(tls_args=(bad, "127.0.0.1")).is_established
        assert not ear.call(tls_args=(foreign, "127.0.0.1")).is_established
        assert not ear.call().is_established
