"""``usnet node``: the DICOM node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[Path, typer.Option("--config", "-c", metavar="node.toml", help="The node's configuration.")]


def node(
    config: ConfigOption = Path("node.toml"),
    listen: Annotated[
        bool, typer.Option("--listen/--no-listen", help="Receive objects, or only help another node with its studies.")
    ] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every job, not only problems.")] = False,
) -> None:
    """Receive ultrasound studies, diagnose them, send the results back to the archive. Research use, not a medical device.

    Runs until Ctrl-C or SIGTERM. What was acknowledged is on disk: after a crash it goes on where it was.

    Exit code: 0 stopped, 2 a wrong configuration, 4 no model.
    """
    import logging
    import signal
    import sys
    import threading

    from usnet.extras import need

    need("pynetdicom", "highdicom", "dicomweb_client", "sqlalchemy", extra="dicom", feature="the DICOM node")
    from usnet.pacs.config import load

    load(config)  # a mistake in it is said before the libraries are loaded, which takes seconds
    from usnet.pacs.node import run
    from usnet.pacs.worker import LOG_FORMAT, quiet_libraries

    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format=LOG_FORMAT, stream=sys.stderr)
    quiet_libraries()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    run(config, stop, listen=listen, ready=lambda text: typer.echo(text))
    typer.echo("Stopped.")
