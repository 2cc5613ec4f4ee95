"""``usnet pacs``: the archive by hand, and what the node is doing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.node import ConfigOption
from usnet.cli.pacs_doctor import doctor

app = typer.Typer(
    name="pacs", help="Archives (PACS): query, pull, push, check the ways, see the node's work.", no_args_is_help=True
)

PeerOption = Annotated[
    str | None,
    typer.Option("--peer", metavar="NAME", help="A peer of node.toml; the one that results go to if left out."),
]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", metavar="KEYWORD=VALUE", help="A DICOM keyword and what it must match.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]

app.command()(doctor)


def _needs() -> None:
    from usnet.extras import need

    need("pynetdicom", "dicomweb_client", "sqlalchemy", extra="dicom", feature="talking to an archive")


def _show(rows: list[dict[str, str]], as_json: bool) -> None:
    import json

    for row in rows:
        if as_json:
            typer.echo(json.dumps(row, ensure_ascii=False))
        else:
            typer.echo("  ".join(f"{key}={value}" for key, value in row.items() if value))
    if not rows and not as_json:
        typer.echo("Nothing found.")


@app.command()
def query(
    config: ConfigOption = Path("node.toml"),
    peer: PeerOption = None,
    level: Annotated[str, typer.Option(metavar="study|series|image|patient", help="What to list.")] = "study",
    where: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what an archive has, by C-FIND or QIDO-RS."""
    _needs()
    from usnet.errors import ConfigError
    from usnet.pacs.archive import LEVEL_FIELDS, filters_named
    from usnet.pacs.config import load
    from usnet.pacs.transfers import query as ask

    if level not in LEVEL_FIELDS:
        raise ConfigError(f"no level {level!r}", expected=f"one of {', '.join(LEVEL_FIELDS)}")
    _show(ask(load(config), peer, level, filters_named(where or [])), as_json)


@app.command()
def worklist(
    config: ConfigOption = Path("node.toml"),
    peer: PeerOption = None,
    where: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """List scheduled examinations (modality worklist)."""
    _needs()
    from usnet.pacs.archive import filters_named
    from usnet.pacs.config import load
    from usnet.pacs.transfers import worklist as ask

    _show(ask(load(config), peer, filters_named(where or ["Modality=US"])), as_json)


@app.command()
def pull(
    study: Annotated[str, typer.Argument(metavar="STUDY_UID", help="Study Instance UID, from 'usnet pacs query'.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")],
    config: ConfigOption = Path("node.toml"),
    peer: PeerOption = None,
) -> None:
    """Fetch a study into a folder, by C-MOVE or WADO-RS."""
    _needs()
    from usnet.pacs.config import load
    from usnet.pacs.transfers import pull as fetch

    typer.echo(f"{fetch(load(config), peer, study, out)} objects in {out}")


@app.command()
def push(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", help="DICOM files, or folders of them.")],
    config: ConfigOption = Path("node.toml"),
    peer: PeerOption = None,
) -> None:
    """Send DICOM files to an archive, by C-STORE or STOW-RS, and ask whether it has them.

    Exit code: 0 all there, 5 some are not, 6 the archive cannot be reached.
    """
    _needs()
    from usnet.errors import DataError
    from usnet.images.files import looks_like_dicom
    from usnet.pacs.config import load
    from usnet.pacs.transfers import push as send

    inside = [p for folder in files if folder.is_dir() for p in sorted(folder.rglob("*")) if p.is_file()]
    paths = [path for path in files if not path.is_dir()]
    for path in inside:
        with path.open("rb") as stream:
            if looks_like_dicom(stream.read(256)):
                paths.append(path)
    if not paths:
        raise DataError("no DICOM files here", source=", ".join(map(str, files)))
    failed = 0
    for path, reason in send(load(config), peer, paths):
        if reason is not None:
            failed += 1
            typer.echo(f"usnet: {path}: {reason}", err=True)
    typer.echo(f"{len(paths) - failed} objects sent and found" + (f", {failed} not" if failed else ""))
    raise typer.Exit(5 if failed else 0)


@app.command()
def status(config: ConfigOption = Path("node.toml"), as_json: JsonOption = False) -> None:
    """Count what the node received and answered, and list what it gave up, with the reasons. Exit code 1 if there is any."""
    _needs()
    import json
    from dataclasses import asdict

    from usnet.pacs import records
    from usnet.pacs.config import load
    from usnet.store.database import connect

    engine = connect(_existing(load(config).database))
    counts, letters = records.counts(engine), records.dead_letters(engine)
    if as_json:
        typer.echo(json.dumps({"counts": counts, "dead_letters": [asdict(letter) for letter in letters]}))
    else:
        for name, number in counts.items():
            typer.echo(f"{name:18} {number}")
        for letter in letters:
            typer.echo(f"given up: {letter.kind} {letter.what}: {letter.reason}")
    raise typer.Exit(1 if letters else 0)


@app.command()
def retry(
    uids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[UID...]", help="Studies or objects from 'usnet pacs status'; all if none."),
    ] = None,
    config: ConfigOption = Path("node.toml"),
    discard: Annotated[bool, typer.Option("--discard", help="Remove what was given up for good, instead.")] = False,
) -> None:
    """Take up again what was given up, once its reason is mended."""
    _needs()
    from usnet.pacs import records
    from usnet.pacs.config import load
    from usnet.pacs.spool import Spool
    from usnet.store.database import connect

    settings = load(config)
    engine = connect(_existing(settings.database))
    chosen = [one for one in records.dead_letters(engine) if not uids or one.what in uids]
    spool = Spool(settings.spool.folder, quota_mib=settings.spool.quota_mib, reserve_mib=settings.spool.reserve_mib)
    for letter in chosen:
        if discard:
            records.discard(engine, spool, letter)
        else:
            records.retry(engine, letter, settings.work.attempts)
    typer.echo(f"{len(chosen)} {'discarded' if discard else 'taken up again'}")


def _existing(url: str) -> str:
    """The URL, if there is such a database: looking must not make an empty one."""
    from usnet.errors import DataError

    file = url.removeprefix("sqlite:///")
    if file != url and not Path(file).is_file():
        raise DataError("no database", source=file, hint="The node has not run yet with this configuration")
    return url
