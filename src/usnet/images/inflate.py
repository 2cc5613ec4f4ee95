"""Deflated DICOM, inflated with a bound before pydicom sees it.

pydicom inflates the whole file before it parses the first element, so that a file of 400 KB can take a gigabyte.
"""

from __future__ import annotations

import io
import zlib
from typing import IO

from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from usnet.errors import UnreadableImage
from usnet.images.limits import MEBIBYTE, Limits

_DEFLATED = (DeflatedExplicitVRLittleEndian, "1.2.840.10008.1.2.4.95")  # the second one: JPIP referenced deflate
_HEAD = MEBIBYTE


def inflated(stream: IO[bytes], source: str, limits: Limits) -> IO[bytes]:
    """The same DICOM file as explicit VR little endian in memory if it is deflated, else ``stream`` itself, rewound.

    Raises
    ------
    UnreadableImage
        The content inflates to more than ``limits.max_inflated_bytes``, or its deflate stream is damaged.
    """
    stream.seek(0)
    head = stream.read(_HEAD)
    if len(head) < _HEAD and not any(uid.encode() in head for uid in _DEFLATED):  # the whole file: no need to parse it
        stream.seek(0)
        return stream
    stream.seek(0)
    read_preamble(stream, force=True)  # type: ignore[arg-type]
    start = stream.tell()
    meta = FileMetaDataset(read_dataset(stream, False, True, stop_when=_outside_meta))  # type: ignore[arg-type]
    if meta.get("TransferSyntaxUID") not in _DEFLATED:
        stream.seek(0)
        return stream
    length = meta.get("FileMetaInformationGroupLength")
    stream.seek(stream.tell() if length is None else start + 12 + int(length))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain = io.BytesIO(b"\0" * 128 + b"DICM")
    plain.seek(0, io.SEEK_END)
    write_file_meta_info(plain, meta, enforce_standard=False)  # type: ignore[arg-type]
    _inflate(stream, plain, source, limits.max_inflated_bytes)
    plain.seek(0)
    return plain


def _inflate(stream: IO[bytes], target: IO[bytes], source: str, bound: int) -> None:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    written = 0
    pending = stream.read(MEBIBYTE)
    while pending and not inflater.eof:
        try:
            piece = inflater.decompress(pending, MEBIBYTE)
        except zlib.error as error:
            raise UnreadableImage(f"its deflated content is damaged ({error})", source=source) from None
        written += len(piece)
        if written > bound:
            raise UnreadableImage(
                "its deflated content is too large",
                source=source,
                expected=f"at most {bound} bytes after inflation",
                hint="Raise Limits.max_inflated_bytes if you trust the file",
            )
        target.write(piece)
        pending = inflater.unconsumed_tail or stream.read(MEBIBYTE)
    if not inflater.eof:
        raise UnreadableImage("its deflated content ends early", source=source, hint="Copy or export it again")


def _outside_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag.group != 2
