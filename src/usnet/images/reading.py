"""Any file to a :class:`~usnet.values.Frame`: the one way in for training, evaluation and diagnosis."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from usnet.errors import UnreadableImage
from usnet.images import raster
from usnet.images.flags import image_flags
from usnet.images.grey import luma
from usnet.images.limits import Limits
from usnet.values import Frame, UInt8Image

Source = str | Path | bytes


def read(source: Source, *, limits: Limits = Limits(), name: str | None = None, frame: int = 0) -> Frame:
    """Read one frame of an image file.

    Parameters
    ----------
    source
        Path of a PNG, JPEG, BMP, TIFF or DICOM file, or its bytes.
    limits
        Bounds that are checked before decoding.
    name
        What to call the source in ``Frame.source`` and in errors; the path by default.
    frame
        0-based frame of a multi-frame DICOM or TIFF file.

    Returns
    -------
    Frame
        ``uint8 [H, W]`` pixels, with spacing and region where the file states them.

    Raises
    ------
    UnreadableImage
        For every file that cannot be decoded, whatever the reason.
    """
    with _opened(source, limits, name) as (stream, label, digest):
        if _is_dicom(stream):
            from usnet.images import dicom

            with closing(dicom.frames(stream, label, digest, limits, (frame,))) as frames:
                return next(frames)
        return _raster_frame(raster.decode(stream, label, limits, frame), label, digest, frame)


def read_frames(source: Source, *, limits: Limits = Limits(), name: str | None = None) -> Iterator[Frame]:
    """Read every frame of a file, one at a time: memory does not grow with the number of frames.

    Raises
    ------
    UnreadableImage
        As :func:`read`; frames before a damaged one have been yielded by then.
    """
    with _opened(source, limits, name) as (stream, label, digest):
        if _is_dicom(stream):
            from usnet.images import dicom

            yield from dicom.frames(stream, label, digest, limits)
            return
        for number in range(raster.frame_count(stream, label, limits)):
            stream.seek(0)
            yield _raster_frame(raster.decode(stream, label, limits, number), label, digest, number)


def frame_count(source: Source, *, limits: Limits = Limits(), name: str | None = None) -> int:
    """Number of frames, from the header.

    Raises
    ------
    UnreadableImage
        The header cannot be read, or the count is outside ``limits``.
    """
    with _opened(source, limits, name) as (stream, label, _):
        if _is_dicom(stream):
            from usnet.images import dicom

            return dicom.frame_count(stream, label, limits)
        return raster.frame_count(stream, label, limits)


def _raster_frame(pixels: UInt8Image, source: str, digest: str, number: int) -> Frame:
    return Frame(
        pixels=luma(pixels) if pixels.ndim == 3 else pixels,
        source=source,
        sha256=digest,
        number=number,
        flags=image_flags(pixels),
    )


@contextmanager
def _opened(source: Source, limits: Limits, name: str | None) -> Iterator[tuple[IO[bytes], str, str]]:
    """Open stream, its name and sha256; inside, every error becomes one :class:`UnreadableImage`."""
    label = name or ("<bytes>" if isinstance(source, bytes) else str(source))
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else _open(Path(source), label) as stream:
            limits.check_bytes(stream.seek(0, io.SEEK_END), label)
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
            stream.seek(0)
            yield stream, label, digest
    except UnreadableImage:
        raise
    except OSError as error:
        raise UnreadableImage(
            f"not readable ({_one_line(error)})", source=label, hint="The file may be damaged"
        ) from error
    except Exception as error:
        raise UnreadableImage(
            f"the decoder failed ({type(error).__name__}: {_one_line(error)})",
            source=label,
            expected=raster.EXPECTED,
            hint="The file may be damaged; export it again",
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _open(path: Path, label: str) -> IO[bytes]:
    if path.is_dir():
        raise UnreadableImage("this is a folder", source=label, expected="an image file", hint="Name the files in it")
    if not path.exists():
        raise UnreadableImage("no such file", source=label, expected="an image file", hint="Check the path")
    if not path.is_file():  # opening a pipe or device could wait for ever
        raise UnreadableImage("this is no regular file", source=label, expected="an image file")
    return path.open("rb")


def _is_dicom(stream: IO[bytes]) -> bool:
    from usnet.images.files import looks_like_dicom

    head = stream.read(256)
    stream.seek(0)
    return looks_like_dicom(head)
