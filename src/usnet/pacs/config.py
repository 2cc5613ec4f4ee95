"""The node's configuration: one TOML file, the only place that addresses and AE titles come from."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from usnet.dicom.kinds import DICOM_KINDS, Kind, SrClass
from usnet.errors import ConfigError
from usnet.training.config import Settings, read_config

AeTitle = Annotated[str, Field(pattern=r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$")]
"""1 to 16 printable characters, no backslash, no space at either end (PS3.5, VR AE)."""
Port = Annotated[int, Field(ge=0, le=65535)]


class TlsFiles(Settings):
    """PEM files of one end of a TLS connection."""

    certificate: Path = Field(description="this side's certificate, with its chain")
    key: Path = Field(description="its private key")
    authorities: Path = Field(description="certificates of those who may sign the other side's")


class DicomPeer(Settings):
    """An archive that speaks DICOM's own protocol."""

    kind: Literal["dicom"] = Field(description="which protocol")
    ae_title: AeTitle = Field(description="the archive's name")
    host: str = Field(description="its address")
    port: Port = Field(description="often 104 or 11112")
    tls: TlsFiles | None = Field(None, description="no TLS where left out")
    worklist_ae_title: AeTitle | None = Field(None, description="of its worklist, where it has another one")


class WebPeer(Settings):
    """An archive that speaks DICOMweb."""

    kind: Literal["dicomweb"] = Field(description="which protocol")
    url: str = Field(description="of the DICOMweb root, to which /studies is added")
    token_file: Path | None = Field(None, description="holds a bearer token")
    user_file: Path | None = Field(None, description="holds user:password for basic authentication")
    authorities: Path | None = Field(None, description="PEM; the system's where left out")

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str) -> str:
        if not re.match(r"^https?://[^\s?#@]+$", url):
            raise ValueError("expected http://... or https://... without user, query and fragment")
        return url.rstrip("/")


Peer = Annotated[DicomPeer | WebPeer, Field(discriminator="kind")]


class ListenSettings(Settings):
    """Who may send what to the node."""

    ae_title: AeTitle = Field("USNET", description="the node's own name")
    host: str = Field("127.0.0.1", description="address to listen on; this machine only unless it is changed")
    port: Port = Field(11112, description="port to listen on")
    callers: tuple[AeTitle, ...] = Field(description="AE titles that may send; at least one")
    networks: tuple[str, ...] = Field(("127.0.0.0/8", "::1/128"), description="addresses that may connect")
    tls: TlsFiles | None = Field(None, description="mutual TLS; every sender needs a certificate")
    secondary_capture: bool = Field(False, description="accept Secondary Capture images too (frame grabbers)")
    associations: int = Field(10, ge=1, le=200, description="at the same time")
    idle_seconds: float = Field(30.0, gt=0, description="a connection that says nothing for so long is closed")
    pdu_kib: int = Field(128, ge=4, le=1024, description="longest protocol unit that the node asks for")
    file_mib: int = Field(512, ge=1, description="largest object")

    @field_validator("callers")
    @classmethod
    def _somebody(cls, callers: tuple[str, ...]) -> tuple[str, ...]:
        if not callers:
            raise ValueError("expected at least one AE title")
        return callers

    @field_validator("networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks


class StowSettings(Settings):
    """STOW-RS as a second way in (extra ``web``)."""

    host: str = Field("127.0.0.1", description="address to listen on; for HTTPS put a reverse proxy before it")
    port: Port = Field(8043, description="port to listen on; objects are posted to /studies")
    token_file: Path | None = Field(None, description="bearer tokens, one a line; may be left out on loopback only")

    @model_validator(mode="after")
    def _guarded(self) -> StowSettings:
        if self.token_file is None and not ip_address(self.host).is_loopback:
            raise ValueError("a token_file is needed for an address that other machines can reach")
        return self


class SpoolSettings(Settings):
    """Where received objects lie until they are answered."""

    folder: Path = Field(Path("spool"), description="only the node's user can read it")
    database: str = Field(
        "", description="SQLite in the spool where left out; postgresql://USER@HOST/DATABASE to share"
    )
    quota_mib: int = Field(20_000, ge=1, description="what is received beyond it is refused, so that senders try again")
    reserve_mib: int = Field(500, ge=0, description="free space that is left to others on the disk")
    keep_hours: float = Field(24.0, ge=0, description="how long the bytes of answered studies are kept")


class WorkSettings(Settings):
    """How studies are worked off."""

    workers: int = Field(1, ge=0, le=64, description="processes; 0 leaves the work to other machines")
    threads: int = Field(1, ge=1, description="of the network in one worker")
    memory_mib: int = Field(1024, ge=512, description="address space of the process that decodes and diagnoses")
    image_seconds: float = Field(300.0, gt=0, description="longest time for one object")
    pixels: int = Field(16_000_000, ge=1, description="largest frame; ultrasound screens have at most 5 million")
    frames: int = Field(2000, ge=1, description="longest loop")
    quiet_seconds: float = Field(30.0, ge=0, description="a study is complete when nothing came for so long")
    attempts: int = Field(200, ge=1, description="before a study is given up; waits grow to 10 minutes, so about a day")
    back_off_seconds: float = Field(1.0, gt=0, description="start of the growing wait between attempts")
    lease_seconds: float = Field(60.0, ge=1, description="after a crash another worker takes over when it ran out")


class ModelSettings(Settings):
    """Which model speaks."""

    bundle: str | None = Field(None, description="path or shipped name; the shipped one where left out")
    engine: str = Field("auto", description="onnxruntime, openvino or auto")
    operating_point: str | None = Field(None, description="one of the model's; its default where left out")


class ResultSettings(Settings):
    """What goes back, and where to."""

    to: str = Field(description="name of one of the peers")
    kinds: tuple[Kind, ...] = Field(("sr", "sc"), description="of sr, sc, pr, seg, ko, pdf")
    sr_class: SrClass = Field(
        "comprehensive3d", description="'comprehensive' for archives that do not know the new one"
    )

    @field_validator("kinds")
    @classmethod
    def _objects(cls, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
        wrong = [kind for kind in kinds if kind not in DICOM_KINDS]
        if wrong or not kinds:
            raise ValueError(f"expected some of {', '.join(DICOM_KINDS)}")
        return kinds


class PullSettings(Settings):
    """Where ``usnet pacs pull`` waits for what an archive moves to it; the archive must know this AE title and port."""

    ae_title: AeTitle = Field("USNETPULL", description="destination of the C-MOVE")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(11113, description="port to listen on")


class NodeConfig(Settings):
    """The whole file. Paths are relative to it."""

    node: ListenSettings
    peers: dict[str, Peer]
    results: ResultSettings
    spool: SpoolSettings = SpoolSettings()
    work: WorkSettings = WorkSettings()
    model: ModelSettings = ModelSettings()
    pull: PullSettings = PullSettings()
    stow: StowSettings | None = None

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.spool.database or f"sqlite:///{self.spool.folder / 'node.db'}"

    def peer(self, name: str | None = None) -> DicomPeer | WebPeer:
        """A peer by its name; the one that results go to for ``None``.

        Raises
        ------
        ConfigError
            There is none of that name.
        """
        wanted = self.results.to if name is None else name
        if wanted not in self.peers:
            raise ConfigError(
                f"no peer {wanted!r}", expected=f"one of {', '.join(self.peers) or '(none is configured)'}"
            )
        return self.peers[wanted]


def load(path: str | Path) -> NodeConfig:
    """Read ``node.toml``.

    Raises
    ------
    ConfigError
        As :func:`usnet.training.config.read_config`; or results go to an unknown peer, or a file that is named does not exist.
    """
    config: NodeConfig = _absolute(read_config(NodeConfig, path), Path(path).resolve().parent)
    config.peer()
    for name, file in _files(config):
        if not file.is_file():
            raise ConfigError(
                f"{name}: no such file {str(file)!r}", source=path, hint="Paths are relative to this file"
            )
    return config


def _absolute(config: Any, root: Path) -> Any:
    """The same configuration with its paths below ``root``."""
    if isinstance(config, Path):
        return root / config
    if isinstance(config, dict):
        return {key: _absolute(value, root) for key, value in config.items()}
    if isinstance(config, Settings):
        return config.model_copy(update={key: _absolute(value, root) for key, value in config})
    return config


def _files(config: Settings, prefix: str = "") -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for key, value in config:
        name = f"{prefix}{key}"
        parts = value.items() if isinstance(value, dict) else ()
        found += [pair for part, peer in parts for pair in _files(peer, f"{name}.{part}.")]
        if isinstance(value, Settings):
            found += _files(value, f"{name}.")
        elif isinstance(value, Path) and name != "spool.folder":
            found.append((name, value))
    return found
