"""``usnet deidentify``: files without names, and a sheet to check them by eye."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usnet.errors import ConfigError

if TYPE_CHECKING:
    from usnet.dicom.deidentify.outcome import Outcome

ALL_FAILED, SOME_FAILED = 3, 5


def deidentify(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A file, or a folder with DICOM, PNG, JPEG, BMP or TIFF.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder for the clean files.")],
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Secret key; made if missing. With it, later runs give the same new names."),
    ] = None,
    dates: Annotated[
        str, typer.Option(metavar="shift|remove", help="Move all dates of a patient alike, or take them out.")
    ] = "shift",
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="patient|device|descriptions", help="Keep age and sex, serial numbers, or known words. Repeatable."
        ),
    ] = None,
    area: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,WIDTH,HEIGHT", help="The picture in pixels, for files that state no ultrasound region."
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write which source became which file. Names people: keep it safe."),
    ] = None,
    ocr: Annotated[
        bool | None,
        typer.Option(
            "--ocr/--no-ocr",
            help="Read words inside the picture with tesseract too. Done where it is installed.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run in OUT.")] = False,
) -> None:
    """Take names out of ultrasound files: header, private data, burned-in text, file names.

    Follows the Basic Profile of DICOM PS3.15. Everything outside the ultrasound regions and text found inside them is made black on
    every frame. Writes the clean files, check.html (look at every picture), report.csv and report.json.

    Exit code: 0 all done, 3 no file could be cleaned, 5 some could not (they are not written).
    """
    from usnet.dicom.deidentify.report import check_target, write_mapping, write_reports
    from usnet.dicom.deidentify.run import Job
    from usnet.dicom.deidentify.secret import Secret

    options = _options(dates, keep or [], area, ocr)
    for path, name in ((key, "--key"), (mapping, "--mapping")):
        if path is not None and target.resolve() in path.resolve().parents:
            raise ConfigError(f"{name} lies in OUT, which is passed on", source=path, hint="Name a place outside it")
    check_target(target, overwrite)
    job = Job(source, target, Secret.fresh() if key is None else Secret.load_or_create(key), options)
    outcomes = _worked(job)
    sheet = write_reports(target, outcomes, options, key_kept=key is not None)
    if mapping is not None:
        write_mapping(mapping, outcomes)
    raise typer.Exit(_conclude(outcomes, sheet))


def _worked(job: Any) -> list[Outcome]:
    from usnet.cli.progress import bar

    outcomes: list[Outcome] = []
    total = len(job.files())
    with bar("Cleaning") as update:
        for outcome in job.run():
            outcomes.append(outcome)
            update(len(outcomes), total)
            if outcome.status == "failed":
                typer.echo(f"usnet: {outcome.detail}", err=True)
    return outcomes


def _conclude(outcomes: list[Outcome], sheet: Path) -> int:
    counts = {
        status: sum(outcome.status == status for outcome in outcomes)
        for status in ("done", "review", "failed", "left out")
    }
    written = counts["done"] + counts["review"]
    typer.echo(
        f"{written} files written, {counts['review']} of them to review; {counts['failed']} failed and are not written; "
        f"{counts['left out']} left out"
    )
    typer.echo(f"Look at every picture: {sheet}")
    if not written:
        return ALL_FAILED
    return SOME_FAILED if counts["failed"] else 0


def _options(dates: str, keep: list[str], area: str | None, ocr: bool | None) -> Any:
    from usnet.dicom.deidentify.options import KEEP, Options
    from usnet.values import Box

    if dates not in ("shift", "remove"):
        raise ConfigError(f"--dates {dates}", expected="shift or remove")
    unknown = sorted(set(keep) - set(KEEP))
    if unknown:
        raise ConfigError(f"--keep {', '.join(unknown)}", expected=", ".join(KEEP))
    box = None
    if area is not None:
        try:
            x, y, width, height = (float(part) for part in area.split(","))
            box = Box(x, y, width, height)
        except ValueError:
            raise ConfigError(f"--area {area}", expected="X,Y,WIDTH,HEIGHT in pixels") from None
        if width <= 0 or height <= 0:
            raise ConfigError(f"--area {area}", expected="a width and a height above zero")
    return Options(dates, frozenset(keep), box, _with_ocr(ocr))  # type: ignore[arg-type]


def _with_ocr(wanted: bool | None) -> bool:
    """Whether words are read: as asked for, else if tesseract is there; it is said where they are not."""
    from usnet.dicom.deidentify.ocr import is_installed, version

    if wanted:
        version()  # raises where it is not installed
    if wanted is None and not is_installed():
        typer.echo(
            "usnet: tesseract is not installed, so text inside pictures is looked for by the shape of its letters only "
            "(Debian: apt-get install tesseract-ocr)",
            err=True,
        )
    return is_installed() if wanted is None else wanted
