"""``usnet serve``: the workplace in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket

    import uvicorn

    from usnet.web.workplace import Workplace


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any but loopback asks people to sign in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where everything is kept; ~/.local/share/usnet if left out.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="postgresql://USER@HOST/NAME; a SQLite file in the folder if left out."),
    ] = None,
    bundle: Annotated[str | None, typer.Option(metavar="PATH|NAME", help="Model; the shipped one if left out.")] = None,
    login: Annotated[bool, typer.Option("--login", help="Ask people to sign in on loopback too.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that read files and run the model.")] = 2,
    retention: Annotated[int, typer.Option(min=0, help="Delete exams after so many days; 0 keeps them.")] = 30,
    root: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Datasets and runs below it may be opened; can be given several times."),
    ] = None,
    oidc: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="USNET_OIDC",
            help="Let people sign in through the identity provider that FILE names.",
        ),
    ] = None,
) -> None:
    """Open a page where images are dropped and findings are seen. Research use, not a medical device.

    Without options it serves this machine alone and asks nobody to sign in. Nothing is fetched from the network and nothing is
    sent anywhere.
    """
    from usnet.extras import need

    need("fastapi", "uvicorn", "sqlalchemy", "argon2", "prometheus_client", extra="web", feature="usnet serve")
    from usnet.bundles import load
    from usnet.web.settings import Settings, default_folder
    from usnet.web.workplace import open_workplace

    settings = Settings(
        data=(data or default_folder()).resolve(),
        database=database,
        host=host,
        port=port,
        login=login,
        bundle=bundle,
        workers=workers,
        retention_days=retention or None,
        roots=tuple(_opened(folder) for folder in root or ()),
        oidc=str(oidc.resolve()) if oidc else None,
    )
    load(bundle)  # a wrong name is told now, not by the first job
    place = open_workplace(settings)
    token = _first_run(place)
    with _listening(host, port) as listener:
        server = _server(place)
        typer.echo(f"usnet is at http://{_shown(host)}:{listener.getsockname()[1]}/  (stop with Ctrl-C)")
        if token:
            typer.echo(f"No administrator exists yet. Open that page and give it this token: {token}")
        _run(place, server, listener)


def _opened(folder: Path) -> str:
    """A folder for the browser of datasets and runs, resolved.

    Raises
    ------
    ConfigError
        There is no such folder.
    """
    from usnet.errors import ConfigError

    if not folder.is_dir():
        raise ConfigError("no such folder", source=folder, expected="a folder with datasets or runs for --root")
    return str(folder.resolve())


def _first_run(place: Workplace) -> str | None:
    """The token for the first administrator, where one is needed and may be made.

    Raises
    ------
    ConfigError
        The address is open to others and nobody may administer yet.
    """
    from usnet.errors import ConfigError
    from usnet.web.settings import is_loopback
    from usnet.web.workplace import has_administrator

    settings = place.settings
    if not settings.needs_login or has_administrator(place.engine):
        return None
    if not is_loopback(settings.host):
        raise ConfigError(
            f"others could reach {settings.host}, and no administrator exists",
            hint="Make one first: 'usnet account add NAME --role administrator', or 'usnet serve --login' on this machine",
        )
    return place.first_run


def _listening(host: str, port: int) -> socket.socket:
    import socket

    from usnet.errors import ConfigError

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port} ({error.strerror})",
            hint="Stop what uses the port, or choose another with --port",
        ) from error
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _server(place: Workplace) -> uvicorn.Server:
    import logging

    import uvicorn

    from usnet.web.app import create_app

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = uvicorn.Config(
        create_app(place.settings, place),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
        backlog=512,
        lifespan="off",
    )
    return uvicorn.Server(config)


def _run(place: Workplace, server: uvicorn.Server, listener: socket.socket) -> None:
    from usnet.web.supervisor import Supervisor

    supervisor = Supervisor(place)
    supervisor.start()
    try:
        server.run(sockets=[listener])
    finally:
        supervisor.stop()
