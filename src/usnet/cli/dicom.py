"""``usnet dicom``: look at structured reports, and check objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import DataError

if TYPE_CHECKING:
    from usnet.dicom.reading import Report
    from usnet.dicom.validating import Verdict

app = typer.Typer(name="dicom", help="Look at DICOM results, ours and others', and check them.", no_args_is_help=True)

HARM = 1


@app.command("read-sr")
def read_sr(
    report: Annotated[Path, typer.Argument(metavar="FILE", help="A structured report with coordinates on images.")],
    image: Annotated[
        Path | None, typer.Option(help="The image that it speaks of; without, the marks lie on black.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="PNG", help="Write the picture here.")] = None,
    frame: Annotated[
        int | None, typer.Option(min=1, help="Frame of a loop, from 1. Default: the one with the most marks.")
    ] = None,
) -> None:
    """Show what a structured report says, and where: ours, and those of other systems.

    Prints a line for every mark, and draws the marks of one image on it.
    """
    from usnet.dicom.picture import mark_text
    from usnet.dicom.reading import read_marks

    found = read_marks(report)
    typer.echo(
        f"{found.title or 'report'}: {len(found.marks)} marks, {'verified' if found.verified else 'not verified'}"
    )
    for statement in found.statements:
        typer.echo(f"  {statement}")
    for number, mark in enumerate(found.marks, 1):
        box, place = mark.box, "" if mark.frame is None else f", frame {mark.frame + 1}"
        typer.echo(
            f"{mark_text(number, mark)}; x {box.x:.1f}, y {box.y:.1f}, {box.width:.1f} x {box.height:.1f} px{place}"
        )
    if out is not None:
        _draw(found, report, image, out, frame)


def _draw(found: Report, report: Path, image: Path | None, out: Path, frame: int | None) -> None:
    from usnet.dicom.picture import draw_report, shown_frame, whole_frame

    wanted = None if frame is None else frame - 1
    uid = None if image is None else _uid_of(image)
    if not found.marks and image is not None:  # a report without a finding is shown too
        shown, number = uid or "", wanted
    else:
        shown, number = shown_frame(found, uid, wanted)
    picture = draw_report(found, shown, number, None if image is None else whole_frame(image, number or 0))
    try:
        picture.save(out)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be written ({error})", source=out, expected="a file name such as report.png"
        ) from error
    typer.echo(f"Picture: {out}" + ("" if number is None else f", frame {number + 1}"))


def _uid_of(image: Path) -> str | None:
    """SOP Instance UID of the image, by which the report knows it; ``None`` for a PNG, which is taken on trust."""
    from usnet.images import read

    return read(image).uid


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", help="DICOM files, or folders of them.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only files with errors, and the summary.")] = False,
) -> None:
    """Check DICOM objects with dciodvfy, where it is installed, and reports by the rules of TID 1500.

    Images among PATHS tell how large they are and how many frames they have, so that marks outside them are found.

    Exit code: 0 no errors (there may be warnings), 1 errors, 3 no such file.
    """
    from usnet.dicom.validating import dicom_files, has_dciodvfy, known_images
    from usnet.dicom.validating import validate as check

    files = list(dicom_files(paths))
    if not files:
        raise DataError("no DICOM files here", source=", ".join(map(str, paths)))
    if not has_dciodvfy():
        typer.echo("usnet: dciodvfy is not installed (Debian: dicom3tools), so attributes are not checked", err=True)
    images = known_images(files)
    errors = warnings = 0
    for path in files:
        verdict = check(path, images)
        errors, warnings = errors + verdict.count("error"), warnings + verdict.count("warning")
        if not quiet or verdict.count("error"):
            _print(verdict, quiet)
    typer.echo(f"{len(files)} files: {errors} errors, {warnings} warnings")
    raise typer.Exit(HARM if errors else 0)


def _print(verdict: Verdict, quiet: bool) -> None:
    """The file and its messages; the same message is told once, with how often it came."""
    from collections import Counter

    typer.echo(f"{verdict.path}: {verdict.count('error')} errors, {verdict.count('warning')} warnings")
    kept = [message for message in verdict.messages if message.level == "error" or not quiet]
    known = Counter(message.explanation for message in kept if message.level == "warning" and message.explanation)
    for message in kept:
        if message.level == "error" or not message.explanation:
            typer.echo(f"  {message.level}, {message.tool}: {message.text}")
    for explanation, count in known.items():
        typer.echo(f"  {count} known: {explanation}")
