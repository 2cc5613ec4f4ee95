"""A server for studies alone, as a process of its own: the whole application, without the workers that run the model.

``python -m usnet.web.study.alone FOLDER [DATABASE [PORT]]`` listens on loopback, writes its port as the first line and ends when
its standard input ends. The demonstration and the load test use it.
"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Serve until standard input ends."""
    import uvicorn

    from usnet.web.app import create_app
    from usnet.web.settings import Settings

    folder, database, port = (*arguments, "", "")[:3]
    listener = socket.create_server(("127.0.0.1", int(port or 0)), backlog=1024)
    settings = Settings(Path(folder), database or None, port=listener.getsockname()[1])
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        backlog=1024,
        timeout_keep_alive=120,
    )
    server = uvicorn.Server(config)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()

    def wait() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait, daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1:])
