"""Append-only, signed logs: any row changed, added, moved or removed later is found, also where it was done in the database.

Each row's signature is an HMAC-SHA256 of the row and of the signature before it. The key lies in a file beside the database, not
in it, so that whoever can write the database cannot sign. Whoever holds the key and the database can forge everything: print
:func:`head` and keep it elsewhere to tie a log down for good.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from usnet.errors import ConfigError
from usnet.store.bulk import add_rows
from usnet.store.tables import Head, Link, table_of

START = "0" * 64
_BATCH = 1000

# Built once: putting a statement together takes longer than running it, and a log is written with every save.
_HEAD = table_of(Head)
_LAST = select(_HEAD.c.position, _HEAD.c.signature).where(_HEAD.c.stream == bindparam("stream")).with_for_update()
_LASTS = (
    select(_HEAD.c.stream, _HEAD.c.position, _HEAD.c.signature)
    .where(_HEAD.c.stream.in_(bindparam("streams", expanding=True)))
    .order_by(_HEAD.c.stream)
    .with_for_update()
)
_ADD = insert(table_of(Link))
_BEGIN = insert(_HEAD)
_MOVE = (
    update(_HEAD)
    .where(_HEAD.c.stream == bindparam("of"))
    .values(position=bindparam("to"), signature=bindparam("signed"))
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a log; ``body`` is what the caller gave, ``time`` is UTC in ISO 8601."""

    stream: str
    position: int
    time: str
    actor: str
    action: str
    body: dict[str, Any]
    signature: str


def load_key(path: Path) -> bytes:
    """The signing key in ``path``, made at the first call (32 random bytes, readable by its owner alone).

    Raises
    ------
    ConfigError
        The file holds no key.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != 32:
            raise ConfigError(
                f"{len(key)} bytes",
                source=path,
                expected="a key of 32",
                hint="Restore it from the backup of this folder",
            ) from None
        return key
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def append(session: Session, key: bytes, stream: str, actor: str, action: str, body: dict[str, Any]) -> Entry:
    """Add a row to ``stream`` within the caller's :func:`usnet.store.database.writing` transaction.

    ``body`` must be JSON. Writers of one stream queue for its head; different streams do not wait for one another on PostgreSQL.
    """
    connection = session.connection()
    last = connection.execute(_LAST, {"stream": stream}).one_or_none()
    position, before = (last.position + 1, last.signature) if last else (0, START)
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, allow_nan=False)
    signature = _sign(key, before, stream, position, time, actor, action, text)
    row = {"stream": stream, "position": position, "time": time, "actor": actor, "action": action, "body": text}
    connection.execute(_ADD, row | {"signature": signature})
    if last:
        connection.execute(_MOVE, {"of": stream, "to": position, "signed": signature})
    else:
        connection.execute(_BEGIN, {"stream": stream, "position": position, "signature": signature})
    return Entry(stream, position, time, actor, action, json.loads(text), signature)


def append_many(session: Session, key: bytes, rows: Sequence[tuple[str, str, str, dict[str, Any]]]) -> list[Entry]:
    """:func:`append` for rows (stream, actor, action, body) of different streams, in a few statements.

    Raises
    ------
    ValueError
        A stream is named twice.
    """
    names = sorted({row[0] for row in rows})
    if len(names) != len(rows):
        raise ValueError("a stream is named twice")
    connection = session.connection()
    heads = {name: (position, mark) for name, position, mark in connection.execute(_LASTS, {"streams": names})}
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    entries = []
    links = []
    for stream, actor, action, body in rows:
        position, before = heads.get(stream, (-1, START))
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, allow_nan=False)
        signature = _sign(key, before, stream, position + 1, time, actor, action, text)
        entries.append(Entry(stream, position + 1, time, actor, action, json.loads(text), signature))
        link = {"stream": stream, "position": position + 1, "time": time, "actor": actor, "action": action}
        links.append(link | {"body": text, "signature": signature})
    add_rows(connection, table_of(Link), links)
    moved = [{name: link[name] for name in ("stream", "position", "signature")} for link in links]
    add_rows(connection, _HEAD, moved, replace=True)
    return entries


def read(session: Session, stream: str, *, start: int = 0) -> Iterator[Entry]:
    """Rows of a stream from position ``start`` in order, a thousand at a time."""
    rows = session.execute(
        select(Link).where(Link.stream == stream, Link.position >= start).order_by(Link.position)
    ).scalars()
    for row in rows.yield_per(_BATCH):
        yield Entry(row.stream, row.position, row.time, row.actor, row.action, json.loads(row.body), row.signature)


def head(session: Session, stream: str) -> tuple[int, str] | None:
    """Position and signature of the last row; ``None`` for an empty stream."""
    row = session.get(Head, stream)
    return (row.position, row.signature) if row else None


def streams(session: Session) -> list[str]:
    """Names of all streams that have a row or a head, sorted."""
    names = set(session.scalars(select(Link.stream).distinct())) | set(session.scalars(select(Head.stream)))
    return sorted(names)


def verify(session: Session, key: bytes, stream: str, *, expected: tuple[int, str] | None = None) -> list[str]:
    """What is wrong with a stream, in words; an empty list where nothing is.

    ``expected`` is a :func:`head` kept elsewhere: the log must still contain it.
    """
    faults: list[str] = []
    before, position, seen = START, -1, expected is None
    query = select(Link).where(Link.stream == stream).order_by(Link.position)
    for row in session.execute(query).scalars().yield_per(_BATCH):
        if row.position != position + 1:
            faults.append(f"{stream}: rows {position + 1} to {row.position - 1} are missing")
        right = _sign(key, before, stream, row.position, row.time, row.actor, row.action, row.body)
        if not hmac.compare_digest(right, row.signature):
            faults.append(
                f"{stream}: row {row.position} is not what was signed (changed, inserted, or follows a change)"
            )
        before, position = row.signature, row.position
        seen = seen or (position, before) == expected
    last = head(session, stream)
    if (last or (-1, START)) != (position, before):
        faults.append(
            f"{stream}: ends at row {position}, its head says {last[0] if last else 'empty'}: the end was cut or added to"
        )
    if not seen:
        faults.append(f"{stream}: the row kept elsewhere (position {expected[0] if expected else ''}) is not in it")
    return faults


def _sign(key: bytes, before: str, *fields: str | int) -> str:
    message = json.dumps([before, *fields], ensure_ascii=False).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
