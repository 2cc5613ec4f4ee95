"""Images that end early are refused, whatever another library has told Pillow (WeasyPrint does, on import)."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from dicom_files import dataset, encapsulated
from PIL import Image, ImageFile
from pydicom.uid import JPEGBaseline8Bit

from usnet.errors import UnreadableImage
from usnet.images import read


def encoded(kind: str) -> bytes:
    """Noise, because a smooth picture is complete after a few bytes."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "DICOM"])
def test_half_an_image_is_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / "half"
    if kind == "DICOM":
        half = encoded("JPEG")[:1500]
        path.write_bytes(encapsulated(dataset(np.zeros((64, 64), np.uint8)), [half], JPEGBaseline8Bit))
    else:
        data = encoded(kind)
        path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableImage):
        read(path)
