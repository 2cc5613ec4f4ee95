"""What a stranger on the network may cost: bounds that pynetdicom leaves open, put around its server.

pynetdicom reads as many bytes as a protocol unit claims to have (up to 4 GiB) into memory, lets one client that never finishes its
TLS handshake keep all others waiting, and starts threads for every connection before anything is known about it.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, cast

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

logger = logging.getLogger(__name__)

COMMAND_BYTES = 1 << 16
"""Longest command set; real ones have some hundred bytes."""
QUERY_BYTES = 1 << 16
"""Longest data set of a message that is no C-STORE: it is kept in memory."""
HALF_OPEN = 20
"""Connections beyond the associations, which have not said what they want yet."""
_CHUNK = 1 << 18


class Flood(OSError):
    """More was sent than was allowed; pynetdicom closes a connection on any OSError."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """``pdu`` and ``message`` are bytes, ``seconds`` is how long a connection may say nothing."""

    pdu: int
    message: int
    seconds: float
    connections: int
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, pdu: int, message: int, seconds: float, connections: int, networks: tuple[str, ...]) -> Bounds:
        """With networks as text."""
        return cls(pdu, message, seconds, connections, tuple(ip_network(text) for text in networks))

    def admits(self, address: str) -> bool:
        """Whether an address is in one of the networks."""
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in network for network in self.networks)


@dataclass(slots=True)
class Meter:
    """Bytes of one connection that have come and not been dealt with."""

    bounds: Bounds
    pending: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, count: int) -> None:
        """Raise :class:`Flood` before bytes are read that are too many."""
        if count > self.bounds.pdu + 4096:
            raise Flood(f"a protocol unit of {count} bytes, allowed are {self.bounds.pdu}")
        with self.lock:
            self.pending += count
            if self.pending > self.bounds.message + 2 * self.bounds.pdu + COMMAND_BYTES:
                raise Flood(f"{self.pending} bytes in one object, allowed are {self.bounds.message}")

    def settle(self, count: int, *, idle: bool) -> None:
        """An object of ``count`` bytes was dealt with; ``idle`` where nothing else is on its way."""
        with self.lock:
            self.pending = 0 if idle else max(0, self.pending - count)


def settle(association: Association, size: int) -> None:
    """Tell the meter of an association that an object was dealt with."""
    meter = getattr(association.dul.socket, "meter", None)
    if meter is not None:
        idle = association.dimse.msg_queue.empty() and association.dimse.message is None
        meter.settle(size, idle=idle)


def check_message(provider: DIMSEServiceProvider) -> str | None:
    """What is wrong with the message that is coming in; ``None`` for nothing."""
    message = provider.message
    if message is None:
        return None
    if message.encoded_command_set.getbuffer().nbytes > COMMAND_BYTES:
        return f"a command of more than {COMMAND_BYTES} bytes"
    held = cast(Any, message.data_set)
    if held is not None and held.getbuffer().nbytes > QUERY_BYTES:
        return f"a data set of more than {QUERY_BYTES} bytes with a command that is no C-STORE"
    return None


class GuardedHandler(RequestHandler):
    """Meters what an association reads."""

    def _create_association(self) -> Association:
        association = super()._create_association()
        server = cast("GuardedServer", self.server)
        transport = cast(AssociationSocket, association.dul.socket)
        meter = Meter(server.bounds)
        transport.meter = meter  # type: ignore[attr-defined]
        transport.recv = _metered(transport, meter)  # type: ignore[method-assign, assignment]
        return association


def _metered(transport: AssociationSocket, meter: Meter) -> Callable[[int], bytearray]:
    def receive(count: int) -> bytearray:
        """Read so many bytes, after the meter has allowed them."""
        meter.take(count)
        data = bytearray()
        plain = transport.socket
        while plain is not None and len(data) < count:
            piece = plain.recv(min(_CHUNK, count - len(data)))
            if not piece:
                break
            data += piece
        return data

    return receive


class GuardedServer(ThreadedAssociationServer):
    """Refuses strangers before anything is read, and lets each connection shake hands in its own thread."""

    daemon_threads = True
    request_queue_size = 128
    """Connections that the system keeps until they are looked at. Beyond that (Python's 5) it drops them without a word, and their
    callers wait for seconds."""

    def __init__(self, *arguments: Any, bounds: Bounds, **more: Any) -> None:
        self.bounds = bounds
        self._shaking = 0
        self._count = threading.Lock()
        super().__init__(*arguments, **(more | {"request_handler": GuardedHandler}))

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection; TLS comes later, in its thread."""
        return cast(socket.socket, self.socket).accept()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether this address may connect, and whether there is room."""
        if not self.bounds.admits(str(client_address[0])):
            logger.warning("connection from %s refused: not in node.networks", client_address[0])
            return False
        if len(self.active_associations) + self._shaking >= self.bounds.connections + HALF_OPEN:
            logger.warning("connection from %s refused: too many connections", client_address[0])
            return False
        return True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands where TLS is asked for, then serve."""
        request.settimeout(self.bounds.seconds)
        if self.ssl_context is not None:
            with self._count:
                self._shaking += 1
            try:
                request = self.ssl_context.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError) as error:
                logger.warning("TLS with %s failed: %s", client_address[0], error)
                self.shutdown_request(request)
                return
            finally:
                with self._count:
                    self._shaking -= 1
        super().process_request_thread(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log instead of printing."""
        logger.warning("connection from %s failed", client_address, exc_info=True)
