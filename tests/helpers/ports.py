"""Ports of loopback for servers that a test starts."""

from __future__ import annotations

import socket

_HELD: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody else is given until the tests end: it stays bound here, but anybody may listen who reuses addresses."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _HELD.append(holder)
    return int(holder.getsockname()[1])
