"""Studies to and from an archive by hand: push, pull, query, worklist."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usnet.errors import ConfigError, DataError, PacsError
from usnet.pacs.archive import Level, Place
from usnet.pacs.config import DicomPeer, ListenSettings, NodeConfig
from usnet.pacs.links import open_link
from usnet.pacs.spool import MEBIBYTE, valid_uid

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

logger = logging.getLogger(__name__)

_PLACE = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def place_of(path: Path) -> Place:
    """Where a DICOM file belongs.

    Raises
    ------
    DataError
        It is no DICOM file, or names no study, series and instance.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        found = dcmread(path, stop_before_pixels=True, specific_tags=list(_PLACE))
    except (InvalidDicomError, OSError) as error:
        raise DataError("no DICOM file", source=path, hint="Name DICOM files or folders of them") from error
    uids = [str(found.get(name, "")) for name in _PLACE]
    if not all(map(valid_uid, uids)):
        raise DataError("its UIDs are missing or malformed", source=path, expected=", ".join(_PLACE))
    return Place(*uids)


def push(config: NodeConfig, name: str | None, paths: list[Path]) -> Iterator[tuple[Path, str | None]]:
    """Send files and ask whether they have arrived: each path with ``None``, or with the reason why it is not there."""
    places = {path: place_of(path) for path in paths}
    reasons: dict[Path, str | None] = {}
    with open_link(config, name, paths) as link:
        for path in paths:
            try:
                link.store(path)
                reasons[path] = None
            except PacsError as error:
                reasons[path] = error.message
        found = link.has(place for path, place in places.items() if reasons[path] is None)
    for path, reason in reasons.items():
        lost = reason is None and places[path].instance not in found
        yield path, "it was acknowledged but is not found in the archive" if lost else reason


def query(config: NodeConfig, name: str | None, level: Level, filters: dict[str, str]) -> list[dict[str, str]]:
    """What an archive has: a row of text for each match."""
    with open_link(config, name) as link:
        return [row_of(found) for found in link.find(level, filters)]


def worklist(config: NodeConfig, name: str | None, filters: dict[str, str]) -> list[dict[str, str]]:
    """Scheduled examinations; the peer's ``worklist_ae_title`` is asked where it has one.

    Raises
    ------
    ConfigError
        The peer speaks DICOMweb, which has no worklist that archives commonly offer.
    """
    from pynetdicom.presentation import build_context

    from usnet.pacs.dimse import PLAIN, WORKLIST, DicomLink

    peer, label = config.peer(name), name or config.results.to
    if not isinstance(peer, DicomPeer):
        raise ConfigError(f"peer {label!r} has no worklist", expected="a peer of kind 'dicom'")
    asked = peer.model_copy(update={"ae_title": peer.worklist_ae_title or peer.ae_title})
    with DicomLink(asked, label, config.node.ae_title, [], [build_context(WORKLIST, PLAIN)]) as link:
        rows = []
        for found in link.worklist(filters):
            steps = found.get("ScheduledProcedureStepSequence") or [None]
            rows.append(row_of(found) | (row_of(steps[0]) if steps[0] is not None else {}))
        return rows


def row_of(dataset: Dataset) -> dict[str, str]:
    """Keywords and values as text, sequences left out."""
    return {
        element.keyword: "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value or "")
        for element in dataset
        if element.VR != "SQ" and element.keyword and not element.tag.is_private
    }


def pull(config: NodeConfig, name: str | None, study: str, out: Path) -> int:
    """Fetch a study into a folder; files are named by their SOP Instance UIDs. Returns how many came.

    Over DICOMweb by WADO-RS. Over DICOM by C-MOVE to the AE title and port of the configuration's ``[pull]``.

    Raises
    ------
    PacsError
        The archive refuses, has no such study, or sent fewer objects than it said.
    """
    if not valid_uid(study):
        raise ConfigError(f"{study!r} is no UID", expected="a Study Instance UID; find it with 'usnet pacs query'")
    out.mkdir(parents=True, exist_ok=True)
    peer, label = config.peer(name), name or config.results.to
    came = (
        _move(config, peer, label, study, out) if isinstance(peer, DicomPeer) else _retrieve(config, label, study, out)
    )
    if came == 0:
        raise PacsError(f"no objects of study {study}", source=label, hint="Find studies with 'usnet pacs query'")
    return came


def _retrieve(config: NodeConfig, label: str, study: str, out: Path) -> int:
    from usnet.pacs.dicomweb import WebLink

    peer = config.peer(label)
    if isinstance(peer, DicomPeer):
        return 0
    count = 0
    with WebLink(peer, label) as link:
        for dataset in link.instances(study):
            uid = str(dataset.SOPInstanceUID)
            if not valid_uid(uid):
                raise PacsError("sent an object whose SOP Instance UID is none", source=label)
            dataset.save_as(out / f"{uid}.dcm", enforce_file_format=True)
            count += 1
    return count


def _move(config: NodeConfig, peer: DicomPeer, label: str, study: str, out: Path) -> int:
    from pynetdicom.presentation import build_context

    from usnet.pacs.dimse import MOVE, PLAIN, DicomLink

    with (
        landing(config, peer, out) as arrived,
        DicomLink(peer, label, config.node.ae_title, [], [build_context(MOVE, PLAIN)]) as link,
    ):
        sent = link.move(study, config.pull.ae_title)
        if sent != len(arrived):
            raise PacsError(
                f"says that it sent {sent} objects, {len(arrived)} came",
                source=label,
                hint=f"Is another program using the AE title {config.pull.ae_title}?",
            )
        return len(arrived)


@contextmanager
def landing(config: NodeConfig, peer: DicomPeer, out: Path) -> Iterator[dict[str, Path]]:
    """A receiver for what ``peer`` moves here, whatever its kind: SOP Instance UID to file."""
    from pynetdicom import AE, AllStoragePresentationContexts, _config, evt

    from usnet.pacs.contexts import SYNTAXES
    from usnet.pacs.guards import Bounds, GuardedServer
    from usnet.pacs.prompt import prompt
    from usnet.pacs.tls import server_context

    arrived: dict[str, Path] = {}
    lock = threading.Lock()

    def store(event: Any) -> int:
        """Move what came to its name, which must be a UID; the DIMSE status."""
        uid = str(event.request.AffectedSOPInstanceUID)
        if not valid_uid(uid):
            return 0x0117
        event.dataset_path.replace(out / f"{uid}.dcm")
        with lock:
            arrived[uid] = out / f"{uid}.dcm"
        return 0x0000

    settings: ListenSettings = config.node
    entity = AE(ae_title=config.pull.ae_title)
    entity.require_called_aet, entity.require_calling_aet = True, [peer.ae_title]
    entity.maximum_pdu_size = settings.pdu_kib * 1024
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax), list(SYNTAXES))
    entity.add_supported_context("1.2.840.10008.1.1")
    bounds = Bounds.of(settings.pdu_kib * 1024, settings.file_mib * MEBIBYTE, 60.0, 10, settings.networks)
    _config.STORE_RECV_CHUNKED_DATASET = True
    before, tempfile.tempdir = tempfile.tempdir, str(out)
    try:
        server = entity.make_server(
            (config.pull.host, config.pull.port),
            ssl_context=server_context(settings.tls) if settings.tls else None,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, prompt),
                (evt.EVT_C_STORE, store),
                (evt.EVT_C_ECHO, lambda _event: 0x0000),
            ],
            server_class=GuardedServer,
            bounds=bounds,
        )
    except OSError as error:
        raise ConfigError(f"cannot listen on port {config.pull.port} ({error})", hint="See pull.port") from error
    entity._servers.append(server)
    threading.Thread(target=server.serve_forever, name="landing", daemon=True).start()
    try:
        yield arrived
    finally:
        server.shutdown()
        entity.shutdown()
        tempfile.tempdir = before
