"""Case images as readers get them: grey pixels in a PNG with nothing beside them."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

from usnet.images import read
from usnet.readers.cases import CaseError

_TELLING = re.compile(
    r"malign|benign|cancer|carcinom|fibroaden|bi-?rads|papillom|phyllod|hamartom|\bidc\b|\bdcis\b|\bilc\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CaseImage:
    """``png`` holds the chunks IHDR, IDAT and IEND only; ``sha256`` is that of the source file; ``flags`` as in a frame."""

    png: bytes
    width: int
    height: int
    sha256: str
    flags: tuple[str, ...]


def prepare(path: Path) -> CaseImage:
    """Read an image file by the one pixel path and encode its pixels alone.

    Raises
    ------
    UnreadableImage
        The file cannot be decoded.
    CaseError
        Its metadata name the diagnosis: readers would not see them, but the file is not what a blinded set should hold, and what
        else it gives away (a burned-in word) nobody can tell.
    """
    told = telling(path)
    if told:
        raise CaseError(
            f"metadata name the label: {told[0]}",
            source=path,
            hint="Remove them from the file and look for burned-in text",
        )
    frame = read(path)
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame.pixels).save(out, "PNG", compress_level=6)
    return CaseImage(out.getvalue(), frame.width, frame.height, frame.sha256, tuple(sorted(frame.flags)))


def telling(path: Path) -> list[str]:
    """Metadata of a file that hold a word of diagnosis, as ``name: value``; text chunks, EXIF and XMP, or DICOM elements."""
    from usnet.images.files import looks_like_dicom

    with path.open("rb") as stream:
        dicom = looks_like_dicom(stream.read(256))
    pairs = _dicom(path) if dicom else _raster(path)
    return [f"{name}: {value[:80]}" for name, value in pairs if _TELLING.search(f"{name} {value}")]


def _dicom(path: Path) -> list[tuple[str, str]]:
    import pydicom

    dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    return [(str(e.name), str(e.value)) for e in dataset.iterall() if e.VR not in ("SQ", "UI", "OB", "OW", "UN")]


def _raster(path: Path) -> list[tuple[str, str]]:
    from PIL import ExifTags, Image

    try:
        with Image.open(path) as image:
            image.load()
            pairs = [(str(k), _plain(v)) for k, v in image.info.items()]
            exif = image.getexif()
            tags = dict(exif) | dict(exif.get_ifd(ExifTags.IFD.Exif))
            return pairs + [(str(ExifTags.TAGS.get(k, k)), _plain(v)) for k, v in tags.items()]
    except OSError:
        return []  # reading the pixels will say what is wrong


def _plain(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
