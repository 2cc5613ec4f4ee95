"""A folder of files to a folder of clean files, one after the other; one bad file stops nothing."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from usnet.dicom.deidentify.options import Options
from usnet.dicom.deidentify.outcome import Outcome
from usnet.dicom.deidentify.secret import Secret
from usnet.errors import ConfigError, UnreadableImage, UsnetError
from usnet.images.files import is_image, looks_like_dicom
from usnet.images.limits import Limits

PICTURES = "check"
"""Folder of the check sheet's pictures."""

_DIRECTORY = (
    b"1.2.840.10008.1.3.10"  # Media Storage Directory Storage: names files and patients, and would be wrong afterwards
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One run: where files come from and go to, and how. ``source`` is a file or a folder."""

    source: Path
    target: Path
    secret: Secret
    options: Options = field(default_factory=Options)
    limits: Limits = field(default_factory=Limits)

    def files(self) -> list[Path]:
        """All files, in order, hidden ones and links to folders left out.

        Raises
        ------
        ConfigError
            There is no such source, or source and target lie in each other.
        """
        if not self.source.exists():
            raise ConfigError("no such file or folder", source=self.source)
        inside, outside = self.target.resolve(), self.source.resolve()
        if inside == outside or outside in inside.parents or inside in outside.parents:
            raise ConfigError(
                "the clean files must not lie beside the others", source=self.target, hint="Name another folder"
            )
        if self.source.is_file():
            return [self.source]
        found = []
        for folder, folders, names in os.walk(self.source):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [Path(folder) / name for name in sorted(names) if not name.startswith(".")]
        return found

    def run(self) -> Iterator[Outcome]:
        """Clean every file; failures are outcomes too."""
        written: dict[str, int] = {}
        for number, path in enumerate(self.files(), 1):
            outcome = self._one(path, number, written)
            if outcome.output:
                written[outcome.output] = number
            yield outcome

    def _one(self, path: Path, number: int, written: dict[str, int]) -> Outcome:
        try:
            if not (path.is_file() and is_image(path)):
                return Outcome(path, "left out", number, note="no image")
            with path.open("rb") as stream:
                self.limits.check_bytes(stream.seek(0, io.SEEK_END), str(path))
                stream.seek(0)
                head = stream.read(1024)
                stream.seek(0)
                if not looks_like_dicom(head[:256]):
                    return self._raster(path, stream.read(), number)
                if _DIRECTORY in head:
                    return Outcome(path, "left out", number, note="a DICOM directory")
                return self._dicom(path, stream, number, written)
        except UsnetError as error:
            detail = error
        except Exception as error:
            detail = UnreadableImage(f"cannot be cleaned ({type(error).__name__}: {_one_line(error)})", source=path)
            logger.info("%s", detail, exc_info=True)
        return Outcome(path, "failed", number, note="not written: see the messages of the command", detail=str(detail))

    def _dicom(self, path: Path, stream: Any, number: int, written: dict[str, int]) -> Outcome:
        from usnet.dicom.deidentify.objects import cleaned, pixels_of, views
        from usnet.dicom.deidentify.proof import proven
        from usnet.dicom.deidentify.sheet import save_picture

        made = cleaned(stream, str(path), self.secret, self.options, self.limits)
        buffer = io.BytesIO()
        made.dataset.save_as(buffer, enforce_file_format=True)
        output = f"{made.patient}/{made.places[0]}/{made.places[1]}.dcm"
        if output in written:  # two files with one SOP Instance UID
            return Outcome(path, "left out", number, note=f"the same object as file {written[output]}")
        picture = ""
        if made.hiding is not None and made.first is not None:
            buffer.seek(0)
            after = views(pixels_of(buffer, str(path), self.limits), made.span)
            shown = proven(after, made.first, made.hiding, str(path))
            picture = save_picture(shown, made.hiding, self.target / PICTURES / f"{made.places[1]}.jpg")
        _write(self.target / output, buffer.getvalue())
        return Outcome(
            path,
            _status(made.hiding),
            number,
            output=output,
            kind=made.kind,
            patient=made.patient,
            coding_in=made.coding_in,
            coding_out=made.dataset.file_meta.TransferSyntaxUID.name,
            actions=tuple(sorted(made.actions.items())),
            picture=picture,
            **_pixel_facts(made),
        )

    def _raster(self, path: Path, data: bytes, number: int) -> Outcome:
        from usnet.dicom.deidentify.proof import proven
        from usnet.dicom.deidentify.rasters import cleaned_raster
        from usnet.dicom.deidentify.sheet import save_picture
        from usnet.images import raster

        made = cleaned_raster(data, str(path), self.options, self.limits)
        place = path.relative_to(self.source) if path != self.source else Path(path.name)
        folder = self.secret.name("folder", place.parent.as_posix(), 12)
        name = self.secret.name("file", place.as_posix())
        after = (raster.decode(io.BytesIO(made.data), str(path), self.limits, n) for n in range(made.frames))
        shown = proven(after, made.first, made.hiding, str(path))
        picture = save_picture(shown, made.hiding, self.target / PICTURES / f"{name}.jpg")
        output = f"images/{folder}/{name}{made.suffix}"
        _write(self.target / output, made.data)
        return Outcome(
            path,
            _status(made.hiding),
            number,
            output=output,
            kind="picture",
            coding_in=made.coding_in,
            coding_out=made.coding_out,
            picture=picture,
            **_pixel_facts(made),
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _status(hiding: Any) -> Any:
    from usnet.dicom.deidentify.hiding import SURE

    return "done" if hiding is None or hiding.source in SURE else "review"


def _pixel_facts(made: Any) -> dict[str, Any]:
    if made.hiding is None:
        return {}
    return {
        "frames": made.frames,
        "changed_frames": made.changed_frames,
        "area": made.hiding.source,
        "hidden_share": made.hiding.share,
        "lines": len(made.hiding.lines),
    }


def _write(path: Path, data: bytes) -> None:
    """The file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
