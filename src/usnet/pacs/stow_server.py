"""Serves STOW-RS beside the DICOM receiver, in a thread of the node."""

from __future__ import annotations

import threading
import time

import uvicorn
from sqlalchemy import Engine

from usnet.errors import ConfigError
from usnet.pacs.config import NodeConfig
from usnet.pacs.spool import Spool
from usnet.pacs.stow import Stow

_START_SECONDS = 300.0
"""A loaded machine is slow; where it cannot listen, its thread ends at once."""


class StowServer:
    """Plain HTTP; for HTTPS put a reverse proxy before it."""

    def __init__(self, config: NodeConfig, spool: Spool, engine: Engine) -> None:
        if config.stow is None:
            raise ConfigError("no [stow] section")
        self._settings = config.stow
        settings = uvicorn.Config(
            Stow(config, spool, engine),
            host=self._settings.host,
            port=self._settings.port,
            limit_concurrency=config.node.associations + 10,
            timeout_keep_alive=int(max(1, config.node.idle_seconds)),
            timeout_graceful_shutdown=10,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._run, name="stow", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, with the port that the system chose."""
        port = self._settings.port
        for server in self._server.servers:
            port = server.sockets[0].getsockname()[1]
        return f"http://{self._settings.host}:{port}/studies"

    def start(self) -> None:
        """Listen.

        Raises
        ------
        ConfigError
            The address or port cannot be used.
        """
        self._thread.start()
        end = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                raise ConfigError(
                    f"cannot listen on {self._settings.host}:{self._settings.port}", hint="See stow.host and stow.port"
                )
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop listening; requests that run may end."""
        self._server.should_exit = True
        self._thread.join(15.0)

    def _run(self) -> None:
        try:
            self._server.run()
        except SystemExit:  # uvicorn ends so when it cannot bind
            return
