"""DICOM files from elsewhere: their meta information is read within bounds and written anew; nothing else is looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from usnet.errors import DataError
from usnet.pacs.spool import MEBIBYTE, valid_uid

_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Meta:
    """What the meta information says, and where the data set begins."""

    sop_class: UID
    instance: str
    syntax: UID
    offset: int


def meta_of(path: Path) -> Meta:
    """The file meta information, of which at most 64 KiB are read.

    Raises
    ------
    DataError
        It is missing, damaged, or names no class, instance and transfer syntax.
    """
    with path.open("rb") as file:
        head = io.BytesIO(file.read(_HEAD_BYTES))
    try:
        read_preamble(head, False)
        found = FileMetaDataset(read_dataset(head, False, True, stop_when=_outside_meta))
        values = [str(found.get(name, "")) for name in _NAMES]
    except Exception as error:  # pydicom raises anything on damaged bytes
        raise DataError(f"no DICOM file ({type(error).__name__})", expected="PS3.10 meta information") from error
    if not all(map(valid_uid, values)):
        raise DataError("its meta information is incomplete", expected=", ".join(_NAMES))
    return Meta(UID(values[0]), values[1], UID(values[2]), head.tell())


_NAMES = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")


def rewritten(path: Path, meta: Meta) -> Iterator[bytes]:
    """The file in pieces, with meta information of our own and an empty preamble, which may hold a program (CVE-2019-11687)."""
    made = create_file_meta(
        sop_class_uid=meta.sop_class, sop_instance_uid=UID(meta.instance), transfer_syntax=meta.syntax
    )
    yield b"\0" * 128 + b"DICM" + encode_file_meta(made)
    with path.open("rb") as file:
        file.seek(meta.offset)
        while piece := file.read(MEBIBYTE):
            yield piece


def _outside_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag.group != 2
