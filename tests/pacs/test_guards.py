"""What stands between the network and pynetdicom."""

from __future__ import annotations

import socket
from contextlib import closing

from pynetdicom import AE, build_context
from servers import PATIENCE

from usnet.pacs.guards import Bounds, GuardedServer


def test_callers_queue_while_nobody_looks() -> None:
    """The system keeps their connections; what it drops is asked for again after seconds, and some callers give up before."""
    bounds = Bounds.of(1 << 16, 1 << 20, 60.0, 10, ("127.0.0.1/32",))
    contexts = [build_context("1.2.840.10008.1.1")]
    server = AE().make_server(("127.0.0.1", 0), contexts=contexts, server_class=GuardedServer, bounds=bounds)
    with closing(server.socket):  # nobody accepts
        callers = [socket.create_connection(server.server_address[:2], timeout=PATIENCE) for _ in range(100)]
        for one in callers:
            one.close()


def test_who_is_admitted() -> None:
    bounds = Bounds.of(1, 1, 1.0, 1, ("192.0.2.0/24", "2001:db8::/32"))
    inside = ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "2001:db8::1%eth0")
    outside = ("192.0.3.7", "127.0.0.1", "::1", "::ffff:192.0.3.7", "2001:db9::1", "", "host", "192.0.2.7.1")
    assert all(map(bounds.admits, inside))
    assert not any(map(bounds.admits, outside))
