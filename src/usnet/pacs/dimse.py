"""C-ECHO, C-FIND, C-MOVE and C-STORE to an archive, with its refusals in plain words."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

import pynetdicom._config
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from usnet.errors import DataError, PacsError
from usnet.pacs.archive import LEVEL_FIELDS, Level, Place
from usnet.pacs.config import DicomPeer
from usnet.pacs.contexts import VERIFICATION
from usnet.pacs.prompt import prompt
from usnet.pacs.tls import client_context

FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
WORKLIST = UID("1.2.840.10008.5.1.4.31")
PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_PENDING = (0xFF00, 0xFF01)
_LEVELS = {"patient": "STUDY", "study": "STUDY", "series": "SERIES", "image": "IMAGE"}
MOST_CONTEXTS = 120
SECONDS = 15.0


class DicomLink:
    """An association with an archive. See :class:`usnet.pacs.archive.Link`.

    Parameters
    ----------
    peer, label
        The archive, and what the configuration calls it.
    own
        The AE title that calls.
    objects
        Files that will be stored: their classes and encodings are proposed.
    more
        Further contexts, such as C-MOVE's.
    """

    def __init__(
        self, peer: DicomPeer, label: str, own: str, objects: list[Path], more: Iterable[PresentationContext] = ()
    ) -> None:
        pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True  # files go out as they are, without being decoded
        self.label = f"{label} ({peer.ae_title} at {peer.host}:{peer.port})"
        queries = [build_context(VERIFICATION, PLAIN), build_context(FIND, PLAIN)]
        self._association = _associate(peer, self.label, own, [*queries, *more, *_storage(objects)])

    def __enter__(self) -> DicomLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._association.is_established:
            self._association.release()

    @property
    def association(self) -> Association:
        """The open association."""
        return self._association

    def echo(self) -> None:
        """C-ECHO."""
        self._check(self._association.send_c_echo(), "C-ECHO")

    def has(self, places: Iterable[Place]) -> set[str]:
        """C-FIND at image level, one for each series."""
        ordered = sorted(places, key=lambda place: (place.study, place.series))
        found: set[str] = set()
        for (study, series), wanted in groupby(ordered, key=lambda place: (place.study, place.series)):
            answers = self.find("image", {"StudyInstanceUID": study, "SeriesInstanceUID": series})
            there = {str(answer.get("SOPInstanceUID", "")) for answer in answers}
            found |= there & {place.instance for place in wanted}
        return found

    def store(self, path: Path) -> None:
        """C-STORE of a file as it is, or in another uncompressed encoding where the archive takes no other."""
        meta = read_file_meta_info(path)
        kind, syntax = UID(meta.MediaStorageSOPClassUID), UID(meta.TransferSyntaxUID)
        taken = {(c.abstract_syntax, c.transfer_syntax[0]) for c in self._association.accepted_contexts}
        if (kind, syntax) in taken:
            what: Any = path
        elif syntax in PLAIN and any((kind, other) in taken for other in PLAIN):
            what = dcmread(path)
        else:
            raise PacsError(
                f"does not take {kind.name} as {syntax.name}",
                source=self.label,
                hint="Enable this SOP class and transfer syntax in the archive, or send it in another encoding",
            )
        try:
            status = self._association.send_c_store(what)
        except RuntimeError as error:
            raise self._lost("C-STORE") from error
        self._check(status, "C-STORE")

    def find(self, level: Level, filters: dict[str, str], fields: Iterable[str] = ()) -> Iterator[Dataset]:
        """C-FIND in the study root."""
        query = Dataset()
        query.QueryRetrieveLevel = _LEVELS[level]
        for keyword in (*LEVEL_FIELDS[level], *fields):
            setattr(query, keyword, "")
        for keyword, value in filters.items():
            setattr(query, keyword, value)
        yield from self._ask(query, FIND, "C-FIND")

    def worklist(self, filters: dict[str, str]) -> Iterator[Dataset]:
        """Scheduled ultrasound examinations: C-FIND of the modality worklist."""
        step = Dataset()
        for keyword in (
            "ScheduledStationAETitle",
            "ScheduledProcedureStepStartDate",
            "ScheduledProcedureStepStartTime",
        ):
            setattr(step, keyword, "")
        for keyword in ("Modality", "ScheduledPerformingPhysicianName", "ScheduledProcedureStepDescription"):
            setattr(step, keyword, "")
        query = Dataset()
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber"):
            setattr(query, keyword, "")
        query.StudyInstanceUID = query.RequestedProcedureDescription = query.RequestedProcedureID = ""
        for keyword, value in filters.items():
            setattr(step if keyword in step else query, keyword, value)
        query.ScheduledProcedureStepSequence = [step]
        yield from self._ask(query, WORKLIST, "worklist C-FIND")

    def move(self, study: str, destination: str) -> int:
        """C-MOVE of a study to another AE; returns how many objects were sent there.

        Raises
        ------
        PacsError
            The archive does not know the destination, cannot reach it, or some objects failed.
        """
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.StudyInstanceUID = study
        sent = 0
        last: Dataset = Dataset()
        try:
            for last, _identifier in self._association.send_c_move(query, destination, MOVE):
                sent = int(last.get("NumberOfCompletedSuboperations", sent) or sent)
        except ValueError as error:
            raise PacsError(f"offers no C-MOVE ({error})", source=self.label) from error
        failed = int(last.get("NumberOfFailedSuboperations", 0) or 0)
        if last.get("Status") == 0xA801:
            raise PacsError(
                f"does not know the AE title {destination!r}",
                source=self.label,
                hint=f"Enter {destination} with this machine's address and port in the archive's list of modalities",
            )
        if failed or last.get("Status") is None or last.Status not in (0x0000, 0xB000):
            raise PacsError(
                f"C-MOVE to {destination}: {sent} objects sent, {failed} failed, status {_status(last)}",
                source=self.label,
                hint="The archive must be able to connect to this machine: firewalls often open one direction only",
            )
        return sent

    def _ask(self, query: Dataset, model: UID, name: str) -> Iterator[Dataset]:
        try:
            for status, identifier in self._association.send_c_find(query, model):
                if status.get("Status") in _PENDING:
                    if identifier is not None:
                        yield identifier
                else:
                    self._check(status, name)
        except ValueError as error:
            raise PacsError(f"offers no {name} ({error})", source=self.label) from error
        except RuntimeError as error:
            raise self._lost(name) from error

    def _check(self, status: Dataset, name: str) -> None:
        code = status.get("Status")
        if code is None:
            raise self._lost(name)
        if code != 0 and not 0xB000 <= code <= 0xBFFF:
            text = str(status.get("ErrorComment", "")) or MEANINGS.get(code & 0xFF00, "")
            raise PacsError(f"{name} was refused: status {_status(status)} {text}".rstrip(), source=self.label)

    def _lost(self, name: str) -> PacsError:
        return PacsError(f"no answer to {name}: the connection was lost or timed out", source=self.label)


MEANINGS = {
    0xA700: "(out of resources)",
    0xA900: "(the object does not match its class)",
    0xC000: "(not understood)",
    0x0100: "(refused)",
}


def _status(status: Dataset) -> str:
    code = status.get("Status")
    return "missing" if code is None else f"0x{code:04X}"


def _storage(objects: list[Path]) -> list[PresentationContext]:
    """A context for each class and encoding, and uncompressed ones beside them."""
    wanted: dict[tuple[UID, UID], None] = {}
    for path in objects:
        meta = read_file_meta_info(path)
        try:
            kind, syntax = UID(meta.MediaStorageSOPClassUID), UID(meta.TransferSyntaxUID)
        except AttributeError as error:
            raise DataError("no DICOM file with meta information", source=path) from error
        wanted[kind, syntax] = None
        if syntax in PLAIN:
            wanted |= dict.fromkeys((kind, UID(other)) for other in PLAIN)
    if len(wanted) > MOST_CONTEXTS:
        raise DataError(
            f"{len(wanted)} kinds of objects", expected=f"at most {MOST_CONTEXTS}", hint="Send fewer at once"
        )
    return [build_context(kind, syntax) for kind, syntax in wanted]


def resolve(host: str, port: int, label: str) -> str:
    """An address for a host name."""
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise PacsError(
            f"no address for host {host!r} ({error})", source=label, hint="Check the name, or give the address"
        ) from error


def _associate(peer: DicomPeer, label: str, own: str, wanted: list[PresentationContext]) -> Association:
    entity = AE(ae_title=own)
    entity.connection_timeout, entity.acse_timeout = 10.0, SECONDS
    entity.dimse_timeout = entity.network_timeout = 60.0
    entity.maximum_pdu_size = 128 * 1024
    address = resolve(peer.host, peer.port, label)
    tls = (client_context(peer.tls), peer.host) if peer.tls else None
    association = entity.associate(
        address,
        peer.port,
        contexts=wanted,
        ae_title=peer.ae_title,
        tls_args=tls,
        evt_handlers=[(evt.EVT_CONN_OPEN, prompt)],
    )
    if association.is_established:
        return association
    raise refusal(association, peer, own, label)


def refusal(association: Association, peer: DicomPeer, own: str, label: str) -> PacsError:
    """Why there is no association, and what to do."""
    if association.is_rejected:
        answer = association.acceptor.primitive
        reason = str(getattr(answer, "reason_str", "")) or "no reason given"
        hint = {
            "Calling AE title not recognised": f"Enter {own} with this machine's address in the archive's list of modalities",
            "Called AE title not recognised": f"The archive is not called {peer.ae_title}: correct ae_title of this peer",
            "Local limit exceeded": "The archive has too many connections; try again later",
        }.get(reason, f"Check that the archive lets {own} in")
        return PacsError(f"refused the association: {reason}", source=label, hint=hint)
    if association.is_aborted and _connects(peer):
        if peer.tls is None:
            hint = "It may expect TLS (give this peer a tls section), or not know this machine"
        else:
            hint = "Check certificates, authorities and host name of the TLS connection, and that the port speaks TLS"
        return PacsError("broke the connection off", source=label, hint=hint)
    return PacsError(
        "is not reachable", source=label, hint="Check that it runs, its address and port, and the firewalls between"
    )


def _connects(peer: DicomPeer) -> bool:
    try:
        with socket.create_connection((peer.host, peer.port), timeout=5):
            return True
    except OSError:
        return False
