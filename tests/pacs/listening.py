"""A receiver in the test's own process, and somebody who calls it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynetdicom._config
from pydicom import dcmread
from pydicom.uid import UID
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from sqlalchemy import Engine, select

from usnet.pacs.config import ListenSettings
from usnet.pacs.prompt import prompt
from usnet.pacs.receiver import Receiver
from usnet.pacs.spool import Spool
from usnet.pacs.tables import InstanceRow
from usnet.store.database import connect, reading
from usnet.store.migrate import upgrade


@dataclass
class Ear:
    """What a test needs to know of a running receiver."""

    port: int
    spool: Spool
    engine: Engine

    def rows(self) -> list[InstanceRow]:
        """What was noted."""
        with reading(self.engine) as session:
            return list(session.scalars(select(InstanceRow).order_by(InstanceRow.id)))

    def call(self, *contexts: Any, own: str = "SCANNER", called: str = "USNET", **options: Any) -> Association:
        """An association, established or not."""
        entity = AE(ae_title=own)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
        wanted = list(contexts) or [build_context("1.2.840.10008.1.1")]
        handlers = [(evt.EVT_CONN_OPEN, prompt)]
        return entity.associate(
            "127.0.0.1", self.port, contexts=wanted, ae_title=called, evt_handlers=handlers, **options
        )

    def send(self, path: Path) -> int | None:
        """Status of a C-STORE; ``None`` where there is no answer."""
        meta = dcmread(path, stop_before_pixels=True).file_meta
        association = self.call(build_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID))
        assert association.is_established
        try:
            status = association.send_c_store(path)
            return None if "Status" not in status else int(status.Status)
        finally:
            association.release()


@contextmanager
def listening(folder: Path, *, quota_mib: int = 1000, **settings: Any) -> Iterator[Ear]:
    """Start a receiver on a free port, and leave pynetdicom as it was found."""
    folder.mkdir(parents=True, exist_ok=True)
    before = (
        tempfile.tempdir,
        pynetdicom._config.STORE_RECV_CHUNKED_DATASET,
        pynetdicom._config.STORE_SEND_CHUNKED_DATASET,
    )
    spool = Spool(folder / "spool", quota_mib=quota_mib, reserve_mib=0)
    engine = connect(f"sqlite:///{folder / 'node.db'}")
    upgrade(engine)
    receiver = Receiver(ListenSettings(**({"callers": ("SCANNER",), "port": 0} | settings)), spool, engine)
    pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True
    try:
        yield Ear(receiver.start(), spool, engine)
    finally:
        receiver.stop()
        engine.dispose()
        tempfile.tempdir, pynetdicom._config.STORE_RECV_CHUNKED_DATASET = before[:2]
        pynetdicom._config.STORE_SEND_CHUNKED_DATASET = before[2]


def recoded(source: Path, target: Path, syntax: UID) -> Path:
    """A file in another transfer syntax."""
    dataset = dcmread(source)
    if syntax.is_compressed:
        dataset.compress(syntax, generate_instance_uid=False)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(target, implicit_vr=syntax.is_implicit_VR, little_endian=True)
    return target
