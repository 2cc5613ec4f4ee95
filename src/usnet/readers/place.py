"""Where studies live: a database, the key of their log, and the folder of case images."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from usnet.errors import DataError
from usnet.readers.protocol import Protocol
from usnet.readers.tables import StudyRow
from usnet.store import chain, migrate
from usnet.store.blobs import Blobs
from usnet.store.database import connect, reading

SYSTEM = "system"


class StudyError(DataError):
    """A study is not in the state that what was asked for needs; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Database, key and images of all studies of one server."""

    engine: Engine
    key: bytes = field(repr=False)
    blobs: Blobs

    def keyed(self, purpose: str, text: str) -> str:
        """HMAC-SHA256 of a text for one purpose, in hex."""
        return hmac.new(self.key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def default_folder() -> Path:
    """Where the workplace keeps a user's data: ``$XDG_DATA_HOME/usnet``, or ``~/.local/share/usnet``."""
    base = os.environ.get("XDG_DATA_HOME")
    return Path(base) / "usnet" if base else Path.home() / ".local" / "share" / "usnet"


def open_place(data: Path, database: str | None = None, engine: Engine | None = None) -> Place:
    """The studies in a data folder of the workplace, made if it is missing; ``database`` as for the server, or its ``engine``.

    Raises
    ------
    ConfigError, DataError
        The key is damaged, the database's URL is wrong, or a newer usnet made it.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if engine is None:
        engine = connect(database or f"sqlite:///{data / 'usnet.sqlite'}")
        migrate.upgrade(engine)
    return Place(engine, chain.load_key(data / "study.key"), Blobs(data / "studies"))


def stream_of(study: str, reader: int | None = None) -> str:
    """Name of the log of a study, or of one of its readers."""
    return f"study/{study}" if reader is None else f"study/{study}/{reader}"


def study_row(session: Session, study: str) -> StudyRow:
    """A study.

    Raises
    ------
    StudyError
        There is none of that name.
    """
    row = session.get(StudyRow, study)
    if row is None:
        raise StudyError(f"no study {study[:60]!r}", hint="See 'usnet study list'")
    return row


def protocol_of(row: StudyRow) -> Protocol:
    """The frozen protocol."""
    return Protocol.model_validate_json(row.protocol)


def frozen(place: Place, study: str) -> Protocol:
    """The frozen protocol of a study, by its id; raises :class:`StudyError` where there is none."""
    with reading(place.engine) as session:
        return protocol_of(study_row(session, study))
