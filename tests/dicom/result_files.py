"""Sources for tests of results: pydicom's ultrasound files, and phantoms in every colour space; and made-up opinions on them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from helpers.made_up import diagnosis, finding
from usnet.dicom import Instance, instances
from usnet.images import read_frames
from usnet.phantoms.cine import simulate_cine
from usnet.phantoms.dicom import Exam, write_cine, write_image
from usnet.phantoms.simulate import Phantom, simulate
from usnet.values import Box, Diagnosis, Finding, Frame, Label

EXAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
EXAMPLE_NAMES = (
    "examples_rgb_color.dcm",
    "examples_palette.dcm",
    "examples_jpeg2k.dcm",
    "ExplVR_BigEnd.dcm",
    "examples_ybr_color.dcm",
)
PHANTOM_NAMES = ("single", "banner", "cine", "rgb", "palette", "monochrome1")
PHANTOM_SIZE = (96, 128)
SOURCES = (*EXAMPLE_NAMES, *PHANTOM_NAMES)


def source_file(name: str, folder: Path, seed: int = 3, label: Label = "benign") -> Path:
    """One of :data:`SOURCES` as a file; ``seed`` and ``label`` are of the phantom, where it is one and no loop."""
    if name in EXAMPLE_NAMES:
        return EXAMPLES / name
    path = folder / f"{name}.dcm"
    exam = Exam("results", "P0042", age=51.0)
    if name == "cine":
        return write_cine(path, loop_frames(), exam, 50.0)
    write_image(path, simulate(seed, label=label, size=PHANTOM_SIZE), exam, banner=24 if name == "banner" else 0)
    if name not in ("single", "banner"):
        _recolour(path, name)
    return path


@cache
def loop_frames() -> list[Phantom]:
    """The frames of the source ``cine``."""
    return list(simulate_cine(5, 4, label="malignant", size=PHANTOM_SIZE))


def _recolour(path: Path, name: str) -> None:
    dataset = pydicom.dcmread(path)
    grey = dataset.pixel_array
    if name == "rgb":
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        dataset.PixelData = np.repeat(grey[..., np.newaxis], 3, axis=-1).tobytes()
    elif name == "monochrome1":
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.PixelData = (255 - grey).tobytes()
    else:
        _add_palette(dataset)
    dataset.save_as(path)


def _add_palette(dataset: Dataset) -> None:
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    table = (np.arange(256, dtype=np.uint16) * 257).astype("<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", table)


def opinion_on(frame: Frame, *findings: Finding, **changes: Any) -> Diagnosis:
    """A made-up diagnosis of this frame."""
    values = {
        "source": frame.source,
        "image_id": Path(frame.source).name,
        "frame": frame.number,
        "width": frame.width,
        "height": frame.height,
        "warnings": (),
    }
    return diagnosis(*findings, **(values | changes))


def two_findings(frame: Frame) -> tuple[Finding, Finding]:
    """One malignant, one benign, at sub-pixel places that differ from frame to frame; with sizes where the frame is calibrated."""
    shift = 0.37 * frame.number
    boxes = (
        Box(0.1 * frame.width + shift, 0.2 * frame.height + 0.4, 0.2 * frame.width, 0.35 * frame.height),
        Box(0.5 * frame.width + 0.3, 0.3 * frame.height, 0.3 * frame.width, 0.2 * frame.height - 0.25),
    )
    made = []
    for box, score, probability in zip(boxes, (0.91, 0.63), (0.8125, 0.28), strict=True):
        size = None
        if frame.spacing_mm is not None:
            size = (box.width * frame.spacing_mm[1], box.height * frame.spacing_mm[0])
        entries = (box.x, box.y, box.width, box.height)
        made.append(replace(finding(entries, score, probability), size_mm=size))
    return made[0], made[1]


def instance_of_file(path: Path, *, findings: bool = True) -> Instance:
    """The instance that a model would give which finds :func:`two_findings` on every frame, or nothing."""
    stream = [(frame, opinion_on(frame, *(two_findings(frame) if findings else ()))) for frame in read_frames(path)]
    (made,) = instances(stream)
    assert isinstance(made, Instance)
    return made
