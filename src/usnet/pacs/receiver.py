"""C-STORE and C-ECHO: an object is synced to disk, with a note in the database, before its sender hears 'success'.

Nothing is decoded here. The bytes go from the network to a file, and only what the protocol itself says is looked at: the SOP
class, the SOP Instance UID and the transfer syntax.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from pathlib import Path
from typing import Any

import pynetdicom._config
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer
from sqlalchemy import Engine

from usnet.pacs import contexts, guards
from usnet.pacs.config import ListenSettings
from usnet.pacs.prompt import prompt
from usnet.pacs.records import Received, receive
from usnet.pacs.spool import MEBIBYTE, OutOfSpace, Spool, pieces_of, valid_uid
from usnet.pacs.tls import server_context
from usnet.store.blobs import TooLarge

logger = logging.getLogger(__name__)

SUCCESS, OUT_OF_RESOURCES, NO_UID = 0x0000, 0xA700, 0x0117


class Receiver:
    """The node's ear. One in a process: how pynetdicom receives is set for the whole process.

    Parameters
    ----------
    settings
        Who may send, and the bounds.
    spool, engine
        Where it goes.
    attempts
        That a study which was given up gets when one of its objects is sent again.
    """

    def __init__(self, settings: ListenSettings, spool: Spool, engine: Engine, attempts: int = 5) -> None:
        self._settings, self._spool, self._engine, self._attempts = settings, spool, engine, attempts
        self._entity = AE(ae_title=settings.ae_title)
        self._entity.supported_contexts = contexts.accepted(settings.secondary_capture)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = list(settings.callers)
        self._entity.maximum_associations = settings.associations + guards.HALF_OPEN  # see _make_room
        self._entity.maximum_pdu_size = settings.pdu_kib * 1024
        self._entity.acse_timeout = min(10.0, settings.idle_seconds)
        self._entity.dimse_timeout = self._entity.network_timeout = settings.idle_seconds
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> int:
        """Listen; returns the port (which the system chose where it is configured as 0).

        Raises
        ------
        OSError
            The address or port cannot be used.
        """
        pynetdicom._config.STORE_RECV_CHUNKED_DATASET = True
        # pynetdicom receives into the process's folder for temporary files
        tempfile.tempdir = str(self._spool.incoming)
        settings = self._settings
        bounds = guards.Bounds.of(
            settings.pdu_kib * 1024,
            settings.file_mib * MEBIBYTE,
            settings.idle_seconds,
            settings.associations,
            settings.networks,
        )
        server = self._entity.make_server(
            (settings.host, settings.port),
            ssl_context=server_context(settings.tls) if settings.tls else None,
            evt_handlers=[
                (evt.EVT_C_STORE, self._store),
                (evt.EVT_C_ECHO, lambda _event: SUCCESS),
                (evt.EVT_CONN_OPEN, prompt),
                (evt.EVT_PDU_RECV, _check_unit),
                (evt.EVT_REQUESTED, self._make_room),
                (evt.EVT_ACCEPTED, self._accepted),
                (evt.EVT_REJECTED, _rejected),
                (evt.EVT_CONN_CLOSE, _clean_up),
            ],
            server_class=guards.GuardedServer,
            bounds=bounds,
        )
        self._entity._servers.append(server)
        threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
        self._server = server
        return int(server.server_address[1])

    def stop(self) -> None:
        """Stop listening and end what is open; what was not acknowledged will be sent again."""
        if self._server is not None:
            self._server.shutdown()
            self._entity.shutdown()
            self._server = None

    def _store(self, event: Event) -> int:
        path = event.dataset_path
        try:
            return self._keep(event, path)
        except OutOfSpace as error:
            logger.error("refused: %s", error)
            return OUT_OF_RESOURCES
        except TooLarge as error:
            logger.warning("object refused: %s", error)
            return OUT_OF_RESOURCES
        except Exception:
            logger.exception("object not kept; its sender is told so")
            return OUT_OF_RESOURCES
        finally:
            guards.settle(event.assoc, path.stat().st_size)

    def _keep(self, event: Event, path: Path) -> int:
        request: Any = event.request
        uid, kind = str(request.AffectedSOPInstanceUID), str(request.AffectedSOPClassUID)
        if not valid_uid(uid):
            logger.warning("object refused: its SOP Instance UID is none")
            return NO_UID
        limit = self._settings.file_mib * MEBIBYTE
        digest, size = self._spool.keep(pieces_of(path), limit)
        sender = str(event.assoc.requestor.ae_title).strip()
        receive(self._engine, Received(digest, size, uid, kind, sender), attempts=self._attempts)
        if digest not in self._spool.blobs:  # an older copy was pruned between the two lines above; now it cannot be
            self._spool.keep(pieces_of(path), limit)
        return SUCCESS

    def _make_room(self, event: Event) -> None:
        """Refuse what is one too many. pynetdicom counts connections that have said nothing yet: they would lock senders out."""
        others = [one for one in self._entity.active_associations if one.is_acceptor and one.is_established]
        if len(others) >= self._settings.associations:
            event.assoc.acse.send_reject(0x02, 0x03, 0x02)  # transient, local limit exceeded
            _rejected(event)
            event.assoc.kill()

    def _accepted(self, event: Event) -> None:
        """Say in the log what an image sender offered in vain; archives offer everything they know, which is no news."""
        caller = str(event.assoc.requestor.ae_title).strip()
        taken = {context.abstract_syntax for context in event.assoc.accepted_contexts}
        told: set[str] = set()
        for context in event.assoc.rejected_contexts:
            kind = context.abstract_syntax
            if kind in taken or kind not in (*contexts.ULTRASOUND, *contexts.SECONDARY_CAPTURE):
                continue
            told.add(contexts.why_refused(kind, context.transfer_syntax, self._settings.secondary_capture))
        if told and len(taken) <= 1:  # nothing but C-ECHO is left
            logger.warning("%s has nothing that is taken: %s", caller, "; ".join(sorted(told)))
        elif told:
            logger.debug("%s offered what is not taken: %s", caller, "; ".join(sorted(told)))


def _rejected(event: Event) -> None:
    requestor = event.assoc.requestor
    called = getattr(requestor.primitive, "called_ae_title", "")
    logger.warning(
        "association of %r to %r from %s refused: check node.callers, node.ae_title and node.associations",
        str(requestor.ae_title).strip(),
        str(called).strip(),
        requestor.address,
    )


def _check_unit(event: Event) -> None:
    problem = guards.check_message(event.assoc.dimse)
    if problem is not None:
        logger.warning("association with %s ended: %s", event.assoc.requestor.address, problem)
        event.assoc.abort()


def _clean_up(event: Event) -> None:
    """Remove the file of an object that broke off."""
    message: Any = event.assoc.dimse.message
    path = getattr(message, "_data_set_path", None)
    if path is not None:
        message._data_set_file.close()
        Path(path).unlink(missing_ok=True)
