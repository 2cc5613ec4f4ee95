"""Opens a way to an archive, by DIMSE or DICOMweb as its peer is configured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from usnet.pacs.archive import Link
from usnet.pacs.config import DicomPeer, NodeConfig
from usnet.pacs.dicomweb import WebLink
from usnet.pacs.dimse import DicomLink


def open_link(config: NodeConfig, name: str | None = None, objects: Iterable[Path] = ()) -> Link:
    """A way to a peer by its name (the one that results go to for ``None``), for these objects and for queries.

    Raises
    ------
    PacsError
        The archive is not there, or refuses.
    ConfigError
        No such peer.
    """
    peer = config.peer(name)
    label = config.results.to if name is None else name
    if isinstance(peer, DicomPeer):
        return DicomLink(peer, label, config.node.ae_title, list(objects))
    return WebLink(peer, label)
