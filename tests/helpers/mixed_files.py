"""Files as an exam may hold them: some that can be read, and some that cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from helpers.tiny_bundle import dark_spots
from helpers.tiny_dicom import write_dicom


def mixed_files(folder: Path) -> list[Path]:
    """Five pictures, a loop of three frames, a damaged file and a missing one."""
    paths = []
    for number in range(5):
        paths.append(folder / f"{number}.png")
        Image.fromarray(dark_spots(((60 + 20 * number, 60),))).save(paths[-1])
    loop = write_dicom(folder / "loop.dcm", np.stack([dark_spots()] * 3))
    (folder / "bad.png").write_bytes(b"no picture")
    return [*paths[:2], loop, folder / "bad.png", *paths[2:], folder / "missing.png"]
