"""``usnet doctor``: what is missing or unsafe, in plain words."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

Grade = Literal["good", "missing", "unsafe"]
MIB = 1 << 20
SIGN = {"good": "ok     ", "missing": "missing", "unsafe": "UNSAFE "}

EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "web": (
        ("fastapi", "uvicorn", "sqlalchemy", "alembic", "argon2", "prometheus_client"),
        "the workplace (usnet serve)",
    ),
    "dicom": (("highdicom", "pynetdicom", "dicomweb_client"), "DICOM results and the DICOM node"),
    "pdf": (("weasyprint",), "reports as PDF"),
    "lossless": (("gdcm",), "lossless JPEG, which many scanners write"),
    "postgres": (("pg8000",), "a PostgreSQL database"),
    "oidc": (("authlib", "joserfc"), "sign-in through an identity provider"),
    "train": (("torch", "lightning"), "training"),
    "openvino": (("openvino",), "inference by OpenVINO"),
}
OLDEST = {"pydicom": (3, 0, 2), "pynetdicom": (3, 0, 4)}
"""Older versions have known holes (CVE-2026-32711, CVE-2026-56445)."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was looked at."""

    grade: Grade
    text: str


def doctor(
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The server's folder; ~/.local/share/usnet if left out.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="The server's database, if not in the folder.")
    ] = None,
    bundle: Annotated[str | None, typer.Option(metavar="PATH|NAME", help="Model; the shipped one if left out.")] = None,
    oidc: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="USNET_OIDC", help="Ask the identity provider that FILE names."),
    ] = None,
) -> None:
    """Look at this installation and at a server's folder, and say what is missing or unsafe. It changes nothing.

    Exit code: 0 nothing unsafe (missing extras are no fault), 1 something is unsafe or broken.
    """
    from usnet.errors import UsnetError

    steps: list[Callable[[], Iterator[Note]]] = [
        python,
        extras,
        versions,
        lambda: model(bundle),
        lambda: folder(data),
        lambda: server(data, database),
        lambda: identity_provider(oidc),
    ]
    unsafe = 0
    for step in steps:
        try:
            notes = list(step())
        except UsnetError as error:
            notes = [Note("unsafe", str(error))]
        for note in notes:
            typer.echo(f"{SIGN[note.grade]}  {note.text}")
            unsafe += note.grade == "unsafe"
    typer.echo(f"{unsafe} unsafe or broken." if unsafe else "Nothing unsafe was found.")
    raise typer.Exit(1 if unsafe else 0)


def python() -> Iterator[Note]:
    """Interpreter and user."""
    import os
    import platform

    yield Note("good", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield Note("missing", "you are root: give the server a user of its own, so that a fault in it reaches less")


def extras() -> Iterator[Note]:
    """Optional parts, and what they are for."""
    from importlib.util import find_spec

    for name, (modules, purpose) in EXTRAS.items():
        lacking = [module for module in modules if find_spec(module) is None]
        if lacking:
            yield Note("missing", f"{purpose}: pip install 'usnet[{name}]' (no {', '.join(lacking)})")
        else:
            yield Note("good", f"{purpose}")
    if find_spec("weasyprint") is not None:
        yield from _pango()


def _pango() -> Iterator[Note]:
    from ctypes.util import find_library

    if find_library("pango-1.0") is None:
        yield Note("missing", "the Pango library, which PDFs need (Debian: libpango-1.0-0 libpangoft2-1.0-0)")


def versions() -> Iterator[Note]:
    """Libraries with known holes in older versions."""
    from importlib.metadata import PackageNotFoundError, version

    for name, oldest in OLDEST.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        numbers = tuple(int(part) for part in found.split(".")[:3] if part.isdecimal())
        wanted = ".".join(map(str, oldest))
        if numbers < oldest:
            yield Note("unsafe", f"{name} {found} has a known security fault: update to {wanted} or newer")
        else:
            yield Note("good", f"{name} {found}, not older than {wanted}")


def model(name: str | None) -> Iterator[Note]:
    """Whether the model is there, undamaged, and runs."""
    from usnet.bundles import load
    from usnet.diagnosis.selftest import selftest

    found = load(name)
    yield Note("good", f"model {found.manifest.name}: every file is as its sha256 says, {selftest(found)}")
    if found.manifest.calibration.origin == "uncalibrated":
        yield Note("missing", "this model's probabilities were never calibrated: read them as an order only")


def folder(data: Path | None) -> Iterator[Note]:
    """The server's folder: whose it is, who may read it, how much room is left."""
    place = _place(data)
    if not place.exists():
        yield Note("missing", f"{place}: no server has been started with this folder yet")
        return
    mode = place.stat().st_mode & 0o777
    if mode & 0o077:
        yield Note("unsafe", f"{place}: others on this machine may open it (mode {mode:o}): chmod 700 {place}")
    else:
        yield Note("good", f"{place}: only its owner may open it")
    for key in ("web.key", "audit.key"):
        path = place / key
        if path.exists() and path.stat().st_mode & 0o077:
            yield Note("unsafe", f"{path}: others may read the signing key: chmod 600 {path}")
    free = shutil.disk_usage(place).free
    if free < 1024 * MIB:
        yield Note("unsafe", f"{place}: {free // MIB} MiB are free; uploads will fail soon")
    else:
        yield Note("good", f"{free // MIB} MiB are free for uploads")


def server(data: Path | None, database: str | None) -> Iterator[Note]:
    """The server's database and audit log."""
    from importlib.util import find_spec

    place = _place(data)
    if any(find_spec(module) is None for module in EXTRAS["web"][0]) or not place.exists():
        return
    from usnet.web.checkup import checkup

    for grade, text in checkup(place, database):
        yield Note(grade, text)


def identity_provider(file: Path | None) -> Iterator[Note]:
    """Whether the provider of ``usnet serve --oidc`` answers, and its secret is kept from others."""
    if file is None:
        return
    from usnet.web.oidc.provider import open_provider
    from usnet.web.settings import Settings, default_folder

    provider = open_provider(Settings(data=default_folder(), oidc=str(file)))
    if provider is None:
        return
    settings = provider.settings
    secret = settings.client_secret_file
    if secret is not None and secret.exists() and secret.stat().st_mode & 0o077:
        yield Note("unsafe", f"{secret}: others may read the client's secret: chmod 600 {secret}")
    number = len(list(provider.keys()))
    yield Note("good", f"identity provider {settings.issuer}: it answers and signs with {number} keys")


def _place(data: Path | None) -> Path:
    from usnet.web.settings import default_folder

    return (data or default_folder()).resolve()
