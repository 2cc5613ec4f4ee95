"""How well the gate tells breast ultrasound from everything else, on real frames and real other pictures.

    python benchmarks/refusal.py BUNDLE --data busbra --split test

The other pictures come with scikit-image, scikit-learn and pydicom (photographs, microscopy, textures, pages, MR, CT); none
was used in fitting the gate, which knows drawn ones only. Each is looked at whole and, where large enough, in quarters.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from usnet import images
from usnet.bundles import load as load_bundle
from usnet.datasets.records import load
from usnet.diagnosis.gate import gate_of
from usnet.images.appearance import appearance
from usnet.statistics.intervals import proportion_interval

DICOM = ("CT_small.dcm", "693_J2KI.dcm", "MR_small.dcm", "examples_overlay.dcm", "JPEG2000.dcm")


def pictures() -> Iterator[tuple[str, np.ndarray]]:
    """Name and grey pixels of each picture."""
    import skimage
    import sklearn

    folders = [Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images"]
    for path in sorted(p for f in folders for p in f.iterdir() if p.suffix in (".png", ".jpg")):
        yield path.name, np.asarray(Image.open(path).convert("L"))
    import pydicom
    from pydicom.data import get_testdata_file

    for name in DICOM:
        pixels = pydicom.dcmread(str(get_testdata_file(name))).pixel_array.astype(float)
        low, high = np.percentile(pixels, [1, 99])
        yield name, (255 * np.clip((pixels - low) / (high - low), 0, 1)).astype(np.uint8)


def parts(pixels: np.ndarray) -> list[np.ndarray]:
    """The picture, and its quarters where they have 150 pixels a side."""
    height, width = (side // 2 for side in pixels.shape)
    if min(height, width) < 150:
        return [pixels]
    quarters = [pixels[y : y + height, x : x + width] for y in (0, height) for x in (0, width)]
    return [pixels, *(np.ascontiguousarray(q) for q in quarters)]


def share(refused: int, of: int) -> str:
    """A rate in print."""
    interval = proportion_interval(refused, of)
    bounds = "" if interval is None else f" ({interval.low:.1%} to {interval.high:.1%})"
    return f"{refused}/{of} = {refused / of:.1%}{bounds}"


def main() -> None:
    """Print both rates at the stored threshold, and at the one that refuses 2 % of the frames."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="test")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    gate = gate_of(bundle)
    if gate is None:
        parser.error("this bundle has no gate")
    dataset = load(arguments.data)
    records = [r for r in dataset.select().records if arguments.split in ("all", r.split)]
    real = gate.score(np.array([appearance(images.read(dataset.path(r)).pixels) for r in records]))
    names, looks = zip(*((n, appearance(p)) for n, whole in pictures() for p in parts(whole)), strict=True)
    other = gate.score(np.array(looks))
    print(f"{bundle.identity.name} {bundle.identity.sha256[:12]}, gate: {gate.origin}")
    for what, threshold in (
        ("stored", gate.threshold),
        ("2 % of these frames refused", float(np.quantile(real, 0.02))),
    ):
        print(f"threshold {threshold:.2f} ({what}):")
        print(f"  real frames refused: {share(int((real < threshold).sum()), real.size)}")
        print(
            f"  other pictures refused: {share(int((other < threshold).sum()), other.size)}, of {len(set(names))} originals"
        )
    print(
        "passed at the stored threshold:",
        ", ".join(n for n, s in zip(names, other, strict=True) if s >= gate.threshold),
    )


if __name__ == "__main__":
    main()
