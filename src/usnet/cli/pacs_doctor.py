"""``usnet pacs doctor``: why does nothing arrive?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.node import ConfigOption

MARKS = {"good": "ok  ", "bad": "BAD ", "skipped": "-   "}


def doctor(
    config: ConfigOption = Path("node.toml"),
    peer: Annotated[
        str | None,
        typer.Option("--peer", metavar="NAME", help="A peer of node.toml; the one that results go to if left out."),
    ] = None,
    store: Annotated[
        bool,
        typer.Option(
            "--store", help="Send a simulated image of patient USNET^DOCTOR, query it and have it moved back."
        ),
    ] = False,
) -> None:
    """Try every way between node and archive, with hints: AE titles, refused encodings, one-way firewalls.

    Exit code: 0 all good, 6 something does not work.
    """
    from usnet.extras import need

    need("pynetdicom", "highdicom", "dicomweb_client", "sqlalchemy", extra="dicom", feature="talking to an archive")
    import logging

    from usnet.pacs.doctor import examine
    from usnet.pacs.worker import quiet_libraries

    logging.basicConfig(level=logging.ERROR)
    quiet_libraries()
    bad = 0
    for check in examine(config, peer, store=store):
        bad += check.outcome == "bad"
        typer.echo(f"{MARKS[check.outcome]} {check.name}: {check.text}")
    raise typer.Exit(6 if bad else 0)
