"""Answers of an archive without needless waits: small packets at once, and no answer lost between two threads.

A DIMSE message is two protocol units, command and data, and many implementations (DCMTK, and so Orthanc) write even one unit in two
pieces. Nagle's algorithm holds the second piece until the first is confirmed, and its receiver confirms it some 40 ms later, in the
hope of an answer that could carry the confirmation (RFC 1122, 4.2.3.2 and 4.2.3.4). Every object and every query waits for that
once or twice. Both are switched off for our end.

pynetdicom's own thread looks for requests of the other side in the queue that answers come to, and drops what is no request. It is
meant to pause while an answer is waited for, but does not always (pynetdicom issue 875); the quicker the answer, the likelier it is
lost. The other side of our associations never sends requests, so that thread gets none.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.transport import AssociationSocket

_CONFIRM_AT_ONCE: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux has it


def prompt(event: Event) -> None:
    """Handler of ``EVT_CONN_OPEN``: send small units at once, confirm at once what comes, and keep answers."""
    if event.assoc.is_requestor:
        keep_answers(event.assoc)
    transport = event.assoc.dul.socket
    if transport is None or transport.socket is None:
        return
    transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if _CONFIRM_AT_ONCE is not None:
        transport.recv = _confirming(transport, _CONFIRM_AT_ONCE)  # type: ignore[method-assign, assignment]


def keep_answers(association: Association) -> None:
    """Leave every message of an association that we asked for to the caller who waits for it."""
    provider = association.dimse
    wait = provider.get_msg

    def get(block: bool = False) -> Any:
        """The next message for those who wait; nothing for those who only look."""
        return wait(block=True) if block else (None, None)

    provider.get_msg = get  # type: ignore[method-assign]


def _confirming(transport: AssociationSocket, option: int) -> Callable[[int], bytearray]:
    receive = transport.recv

    def confirm_and_receive(count: int) -> bytearray:
        """Read so many bytes. Linux forgets the option now and then, so it is set again each time."""
        plain = transport.socket
        if plain is not None:
            plain.setsockopt(socket.IPPROTO_TCP, option, 1)
        return receive(count)

    return confirm_and_receive
