"""Objects that no decent scanner sends, and a run that feeds them to a node: for the test and ``benchmarks/node_hostile.py``."""

from __future__ import annotations

import io
import random
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    generate_uid,
)

from usnet.phantoms.dicom import Exam, write_image
from usnet.phantoms.simulate import simulate

EXAMPLES = (
    "examples_rgb_color.dcm",
    "examples_palette.dcm",
    "examples_jpeg2k.dcm",
    "ExplVR_BigEnd.dcm",
    "examples_ybr_color.dcm",
)
"""pydicom's ultrasound files; the last one is a loop of 30 frames."""
PHANTOM = "phantom.dcm"


def examples() -> dict[str, bytes]:
    """Their bytes."""
    return {name: Path(str(get_testdata_file(name))).read_bytes() for name in EXAMPLES}


def mutations(count: int, seed: int, *, loops: float = 0.04) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of damaged copies; ``loops`` is the share of the long loop, each of which takes a second to decode.

    Bits are flipped, bytes replaced, stretches cut out or doubled, lengths made huge; mostly in the header, where it hurts. A gate
    refuses most of the examples for their colour, so a grey phantom is damaged too: of it results are written.
    """
    random_, files = random.Random(seed), examples() | {PHANTOM: _phantom()}
    stills = (*EXAMPLES[:4], PHANTOM)
    for number in range(count):
        name = EXAMPLES[4] if random_.random() < loops else random_.choice(stills)
        data = bytearray(files[name])
        start = data_set_start(data)
        for _ in range(random_.choice((1, 1, 2, 4, 16))):
            end = len(data) if random_.random() < 0.4 else min(len(data), start + 4000)
            _damage(random_, data, random_.randrange(start, max(start + 1, end)))
        yield f"{number:05d}-{name}", bytes(data)


def _phantom() -> bytes:
    """A grey still that the node diagnoses."""
    with tempfile.TemporaryDirectory() as folder:
        return write_image(Path(folder) / PHANTOM, simulate(1, size=(256, 256)), Exam("hostile", "H1")).read_bytes()


def data_set_start(data: bytes | bytearray) -> int:
    """Where the data set of a file begins: what comes before is written by the receiver of a C-STORE."""
    length = struct.unpack_from("<I", data, 140)[0]
    return 144 + int(length)


def _damage(random_: random.Random, data: bytearray, place: int) -> None:
    kind = random_.randrange(6)
    stretch = random_.randrange(1, 64)
    if kind == 0:
        data[place] ^= 1 << random_.randrange(8)
    elif kind == 1:
        data[place] = random_.choice((0x00, 0xFF, 0x7F, 0x80, 0x2F, 0x2E, 0x5C))
    elif kind == 2:
        del data[place : place + stretch]
    elif kind == 3:
        data[place:place] = data[place : place + stretch]
    elif kind == 4:
        data[place : place + 4] = struct.pack("<I", random_.choice((0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0x10000000)))
    else:
        del data[random_.randrange(place, len(data) + 1) :]


def _plain(rows: int = 64, columns: int = 64, **fields: Any) -> Dataset:
    """A sound grey image to spoil."""
    made = dcmread(io.BytesIO(examples()["examples_rgb_color.dcm"]))
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.Rows, made.Columns, made.SamplesPerPixel, made.PhotometricInterpretation = rows, columns, 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    del made.PlanarConfiguration
    made.PixelData = b"\x40" * 4096
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def _encapsulated(made: Dataset, frames: list[bytes], syntax: UID) -> Dataset:
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = encapsulate(frames)
    made["PixelData"].is_undefined_length = True
    made["PixelData"].VR = "OB"
    return made


def _jpeg2000(side: int) -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.zeros((side, side), np.uint8)).save(target, "JPEG2000", no_jp2=True)
    return target.getvalue()


def _jpeg(side: int) -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.zeros((side, side), np.uint8)).save(target, "JPEG")
    return target.getvalue()


def _palette(**changes: Any) -> Dataset:
    made = dcmread(io.BytesIO(examples()["examples_palette.dcm"]))
    made.StudyInstanceUID, made.SOPInstanceUID = generate_uid(), generate_uid()
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    for name, value in changes.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    return made


def _nested(depth: int) -> bytes:
    """Sequences within sequences, of undefined length, before the UIDs."""
    made = _plain()
    start = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    whole = encoded(made)
    place = whole.index(b"\x08\x00\x60\x00CS")
    return whole[:place] + start * depth + whole[place:]


def _many_items(count: int) -> bytes:
    """A sequence of very many empty items: little to send, much to hold."""
    whole = encoded(_plain())
    place = whole.index(b"\x08\x00\x60\x00CS")
    body = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * count
    return whole[:place] + b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<I", len(body)) + body + whole[place:]


def encoded(made: Dataset) -> bytes:
    """The file."""
    target = io.BytesIO()
    made.save_as(target, implicit_vr=False, little_endian=True)
    return target.getvalue()


def deflated(size: int) -> bytes:
    """A small file that unpacks to ``size`` bytes."""
    whole = encoded(_plain())
    made = dcmread(io.BytesIO(whole))
    start = 132 + 12 + int(made.file_meta.FileMetaInformationGroupLength)
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    target = io.BytesIO()
    made.save_as(target, enforce_file_format=True)
    head = target.getvalue()[
        : 132 + 12 + int(dcmread(io.BytesIO(target.getvalue())).file_meta.FileMetaInformationGroupLength)
    ]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    filler = b"\x09\x00\x10\x10OB\0\0" + struct.pack("<I", size) + b"\0" * size
    return head + packer.compress(filler + whole[start:]) + packer.flush()


BOMBS: dict[str, Callable[[], bytes]] = {
    "rows x columns of 65535": lambda: encoded(_plain(65535, 65535)),
    "rows x columns x frames": lambda: encoded(_plain(60000, 60000, NumberOfFrames="2000000000")),
    "negative frames": lambda: encoded(_plain(NumberOfFrames="-5")),
    "no pixels": lambda: encoded(_plain(PixelData=b"")),
    "fewer pixels than stated": lambda: encoded(_plain(2000, 2000)),
    "zero rows": lambda: encoded(_plain(0, 64)),
    "64 bits a pixel": lambda: encoded(_plain(BitsAllocated=64, BitsStored=64, HighBit=63)),
    "JPEG 2000 of 12000 x 12000 in 64 x 64": lambda: encoded(
        _encapsulated(_plain(), [_jpeg2000(12000)], JPEG2000Lossless)
    ),
    "JPEG of 12000 x 12000 in 64 x 64": lambda: encoded(_encapsulated(_plain(), [_jpeg(12000)], JPEGBaseline8Bit)),
    "JPEG 2000 of 64 x 64 in 6000 x 6000": lambda: encoded(
        _encapsulated(_plain(6000, 6000), [_jpeg2000(64)], JPEG2000Lossless)
    ),
    "RLE segments outside": lambda: encoded(
        _encapsulated(_plain(), [struct.pack("<16I", 15, *[0xFFFFFFF0] * 15)], RLELossless)
    ),
    "no fragments": lambda: encoded(_encapsulated(_plain(), [b"\0\0"], JPEGBaseline8Bit)),
    "palette of 3 entries": lambda: encoded(_palette(RedPaletteColorLookupTableDescriptor=[3, 0, 16])),
    "palette from 65535 on": lambda: encoded(_palette(RedPaletteColorLookupTableDescriptor=[0, 65535, 16])),
    "palette of 255 bits": lambda: encoded(_palette(RedPaletteColorLookupTableDescriptor=[256, 0, 255])),
    "palette without blue": lambda: encoded(_palette(BluePaletteColorLookupTableData=None)),
    "palette of one byte": lambda: encoded(_palette(GreenPaletteColorLookupTableData=b"\1\0")),
    "segmented palette that runs away": lambda: encoded(
        _palette(
            RedPaletteColorLookupTableData=None,
            SegmentedRedPaletteColorLookupTableData=b"\x02\0\xff\xff\0\0\0\0" * 2000,
        )
    ),
    "modality table of nothing": lambda: encoded(_plain(ModalityLUTSequence=[Dataset()])),
    "window of no width": lambda: encoded(_plain(WindowCenter="1", WindowWidth="0")),
    "slope of infinity": lambda: encoded(_plain(RescaleSlope="1e308", RescaleIntercept="-1e308")),
    "nested 5000 deep": lambda: _nested(5000),
    "a million empty items": lambda: _many_items(1_000_000),
    "deflated 300 MiB": lambda: deflated(300 << 20),
    "study UID that is a path": lambda: encoded(_plain(StudyInstanceUID="../../../../tmp/evil")),
    "instance UID that is a path": lambda: encoded(_plain(SOPInstanceUID="../../evil")),
    "patient that is a script": lambda: encoded(
        _plain(PatientName="<script>alert(1)</script>", PatientID="../../../evil")
    ),
}
"""Built when asked for, by what is wrong with them."""
SOUND = ("window of no width", "slope of infinity", "a million empty items", "patient that is a script")
"""Odd, but with a picture all the same."""
