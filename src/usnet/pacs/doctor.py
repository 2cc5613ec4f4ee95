"""Tries the ways between node and archive one by one, and says in plain words what does not work and what to do."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from usnet.errors import PacsError, UsnetError
from usnet.pacs.archive import Place
from usnet.pacs.config import DicomPeer, NodeConfig, load
from usnet.pacs.contexts import SYNTAXES, ULTRASOUND
from usnet.pacs.links import open_link

Outcome = Literal["good", "bad", "skipped"]
SECONDS = 5.0
DAYS = 7


@dataclass(frozen=True, slots=True)
class Check:
    """What was tried, how it went, and what was seen or should be done."""

    name: str
    outcome: Outcome
    text: str


def examine(path: Path, name: str | None = None, *, store: bool = False) -> Iterator[Check]:
    """Every check of a configuration and one peer (the one that results go to for ``None``), as they are made.

    Parameters
    ----------
    store
        Also send a simulated image of patient ``USNET^DOCTOR`` to the archive, find it there and have it moved back. The archive
        keeps it: it can be deleted there afterwards.
    """
    try:
        config = load(path)
    except UsnetError as error:
        yield Check("configuration", "bad", str(error))
        return
    yield Check("configuration", "good", f"{len(config.peers)} peers, results go to {config.results.to}")
    yield _tried("spool", lambda: _spool(config))
    yield _tried("database", lambda: _database(config))
    yield _tried("model", lambda: _model(config))
    yield _own_port(config)
    peer = config.peer(name)
    yield from (_dicom if isinstance(peer, DicomPeer) else _web)(config, name or config.results.to, store)


def _tried(name: str, action: Callable[[], str]) -> Check:
    try:
        return Check(name, "good", action())
    except UsnetError as error:
        return Check(name, "bad", str(error))
    except Exception as error:
        return Check(name, "bad", f"{type(error).__name__}: {error}")


def _spool(config: NodeConfig) -> str:
    from usnet.pacs.spool import Spool

    spool = Spool(config.spool.folder, quota_mib=config.spool.quota_mib, reserve_mib=config.spool.reserve_mib)
    spool.check_space()
    return f"{spool.used >> 20} of {config.spool.quota_mib} MiB used"


def _database(config: NodeConfig) -> str:
    from usnet.store.database import connect
    from usnet.store.migrate import upgrade

    engine = connect(config.database)
    try:
        return f"{engine.dialect.name}, revision {upgrade(engine)}"
    finally:
        engine.dispose()


def _model(config: NodeConfig) -> str:
    from usnet.pacs.isolation import Sandbox, settings_of

    with Sandbox(settings_of(config), 120.0) as sandbox:
        answer = sandbox.ask({"do": "hello"})
    return f"{answer['model']}, {answer['engine']}"


def _own_port(config: NodeConfig) -> Check:
    """Whether the node runs: it does not have to."""
    host = "127.0.0.1" if config.node.host in ("0.0.0.0", "::") else config.node.host
    try:
        with socket.create_connection((host, config.node.port), timeout=SECONDS):
            return Check("node", "good", f"something listens on {host}:{config.node.port}")
    except OSError:
        return Check("node", "skipped", f"nothing listens on {host}:{config.node.port}; start it with 'usnet node'")


def _dicom(config: NodeConfig, label: str, store: bool) -> Iterator[Check]:
    peer = config.peers[label]
    if not isinstance(peer, DicomPeer):
        return
    yield (reach := _tried("network", lambda: _reach(peer, label)))
    if reach.outcome == "bad":
        return
    yield (echo := _tried("echo", lambda: _echo(config, label)))
    if echo.outcome == "bad":
        return
    yield _tried("find", lambda: _find(config, label))
    yield _tried("store contexts", lambda: _contexts(config, peer, label))
    if not store:
        yield Check("store, query, move", "skipped", "give --store to send a simulated image and have it moved back")
        return
    with tempfile.TemporaryDirectory() as folder:
        image, place = _image(Path(folder))
        yield (sent := _tried("store", lambda: _store(config, label, image)))
        if sent.outcome == "good":
            yield _tried("query", lambda: _has(config, label, place))
            yield _tried("move", lambda: _move(config, peer, label, place, Path(folder)))


def _web(config: NodeConfig, label: str, store: bool) -> Iterator[Check]:
    yield (reach := _tried("QIDO-RS", lambda: _find(config, label)))
    if reach.outcome == "bad":
        return
    if not store:
        yield Check("STOW-RS, WADO-RS", "skipped", "give --store to send a simulated image and fetch it back")
        return
    with tempfile.TemporaryDirectory() as folder:
        image, place = _image(Path(folder))
        yield (sent := _tried("STOW-RS", lambda: _store(config, label, image)))
        if sent.outcome == "good":
            yield _tried("query", lambda: _has(config, label, place))
            yield _tried("WADO-RS", lambda: _fetch(config, label, place, Path(folder)))


def _reach(peer: DicomPeer, label: str) -> str:
    from usnet.pacs.dimse import resolve

    address = resolve(peer.host, peer.port, label)
    try:
        with socket.create_connection((address, peer.port), timeout=SECONDS):
            return f"{peer.host}:{peer.port} accepts connections"
    except ConnectionRefusedError as error:
        raise PacsError(
            f"{peer.host}:{peer.port} refuses connections", hint="The archive does not run, or listens on another port"
        ) from error
    except OSError as error:
        raise PacsError(
            f"{peer.host}:{peer.port} does not answer ({error})",
            hint="A firewall between the two drops the packets, or the address is wrong",
        ) from error


def _echo(config: NodeConfig, label: str) -> str:
    link: Any
    with open_link(config, label) as link:
        link.echo()
    return f"{config.peers[label].ae_title} answers {config.node.ae_title}"  # type: ignore[union-attr]


def _find(config: NodeConfig, label: str) -> str:
    """Studies of some days: whoever asks a hospital's archive for all of them has to wait for millions, or is refused."""
    today = date.today()
    days = f"{today - timedelta(days=DAYS):%Y%m%d}-{today:%Y%m%d}"
    with open_link(config, label) as link:
        found = sum(1 for _ in link.find("study", {"StudyDate": days}))
    if found:
        return f"{found} studies of the last {DAYS} days found"
    return (
        f"no study of the last {DAYS} days found: right where there are none. Otherwise it does not let this node query: "
        f"many archives answer callers they do not know with nothing; enter {config.node.ae_title} in its list"
    )


def _contexts(config: NodeConfig, peer: DicomPeer, label: str) -> str:
    """Which of the results' classes and which image encodings the archive takes."""
    from pynetdicom.presentation import build_context

    from usnet.pacs.dimse import PLAIN, DicomLink

    results = {
        "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive 3D SR",
        "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR",
        "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture",
    }
    offered = [build_context(kind, syntax) for kind in results for syntax in PLAIN]
    offered += [build_context(ULTRASOUND[0], syntax) for syntax in SYNTAXES]
    with DicomLink(peer, label, config.node.ae_title, [], offered) as link:
        taken = {(c.abstract_syntax, c.transfer_syntax[0]) for c in link.association.accepted_contexts}
    kinds = {kind for kind, _ in taken}
    unknown = [text for kind, text in results.items() if kind not in kinds]
    wanted = "Comprehensive 3D SR" if config.results.sr_class == "comprehensive3d" else "Comprehensive SR"
    if wanted in unknown or "Secondary Capture" in unknown:
        hint = 'Set results.sr_class = "comprehensive"' if wanted in unknown else "Enable it in the archive"
        raise PacsError(f"the archive does not take {', '.join(unknown)}", hint=hint)
    refused = [syntax.name for syntax in SYNTAXES if (ULTRASOUND[0], syntax) not in taken]
    return "takes the results" + (f"; does not take ultrasound images as {', '.join(refused)}" if refused else "")


def _image(folder: Path) -> tuple[Path, Place]:
    from usnet.pacs.transfers import place_of
    from usnet.phantoms import simulate
    from usnet.phantoms.dicom import Exam, write_image

    path = write_image(folder / "doctor.dcm", simulate(1, size=(128, 128)), Exam("doctor", "USNET^DOCTOR"))
    return path, place_of(path)


def _store(config: NodeConfig, label: str, image: Path) -> str:
    with open_link(config, label, [image]) as link:
        link.store(image)
    return "a simulated image of patient USNET^DOCTOR was taken"


def _has(config: NodeConfig, label: str, place: Place) -> str:
    with open_link(config, label) as link:
        if place.instance not in link.has([place]):
            raise PacsError(
                "the image was acknowledged but is not found",
                hint=f"The archive may filter or move it, or not let {config.node.ae_title} query: enter it in its list",
            )
    return "the image is found"


def _fetch(config: NodeConfig, label: str, place: Place, folder: Path) -> str:
    from usnet.pacs.transfers import pull

    count = pull(config, label, place.study, folder / "back")
    return f"{count} objects came back"


def _move(config: NodeConfig, peer: DicomPeer, label: str, place: Place, folder: Path) -> str:
    count = _fetch(config, label, place, folder)
    return f"{count} as {config.pull.ae_title} on port {config.pull.port}: the archive {peer.ae_title} reaches this machine"
