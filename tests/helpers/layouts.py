"""Made-up tiny copies of the layouts that importers read: noise images, rectangular lesions, no real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

Rect = tuple[int, int, int, int]
"""x, y, width, height."""


def write_image(path: Path, width: int = 60, height: int = 40, seed: int = 0) -> Path:
    """Grey noise as PNG, JPEG, BMP ... by the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def mask(rects: list[Rect], width: int = 60, height: int = 40) -> np.ndarray:
    """``uint8 [H, W]``, 255 inside the rectangles."""
    pixels = np.zeros((height, width), dtype=np.uint8)
    for x, y, w, h in rects:
        pixels[y : y + h, x : x + w] = 255
    return pixels


def write_mask(path: Path, rects: list[Rect], width: int = 60, height: int = 40) -> Path:
    """A 1-bit PNG mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask(rects, width, height)).convert("1").save(path)
    return path


def busbra(root: Path) -> Path:
    """Two patients: two views of a malignant lesion, one view of a benign one."""
    rows = [
        ("bus_0001-l", 1, "invasive ductal carcinoma", "malignant", 4, "left", (10, 5, 20, 15), 3),
        ("bus_0001-r", 1, "invasive ductal carcinoma", "malignant", 4, "right", (12, 6, 18, 12), 3),
        ("bus_0002-s", 2, "cyst", "benign", 2, "single", (3, 4, 9, 8), 1),
    ]
    table = ["ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX"]
    folds = ["ID,Pathology,kFold,valid_1"]
    for seed, (name, case, histology, pathology, birads, side, (x, y, w, h), fold) in enumerate(rows):
        write_image(root / "Images" / f"{name}.png", seed=seed)
        write_mask(root / "Masks" / f"mask_{name[4:]}.png", [(x, y, w, h)])
        box = f'"[{x + 1},{y + 1},{w - 1},{h - 1}]"'
        table.append(f"{name},{case},{histology},{pathology},{birads},GE Logiq 7,60,40,{side},{box}")
        folds.append(f"{name},{pathology},{fold},1")
    (root / "bus_data.csv").write_text("\n".join(table) + "\n")
    (root / "5-fold-cv.csv").write_text("\n".join(folds) + "\n")
    return root


def busi(root: Path) -> Path:
    """Two benign images (the second with three lesions in two mask files and a speck), one malignant, one normal."""
    for seed, (label, count) in enumerate((("benign", 1), ("benign", 2), ("malignant", 1), ("normal", 1))):
        write_image(root / label / f"{label} ({count}).png", seed=seed)
    write_mask(root / "benign" / "benign (1)_mask.png", [(5, 5, 10, 8)])
    write_mask(root / "benign" / "benign (2)_mask.png", [(5, 5, 10, 8), (30, 20, 12, 9), (50, 1, 1, 1)])
    write_mask(root / "benign" / "benign (2)_mask_1.png", [(45, 25, 10, 10)])
    write_mask(root / "malignant" / "malignant (1)_mask.png", [(20, 3, 15, 30)])
    write_mask(root / "normal" / "normal (1)_mask.png", [])
    return root


BREAST_HEADER = [
    *("CaseID", "Image_filename", "Mask_tumor_filename", "Mask_other_filename", "Pixel_size", "Age", "Shape"),
    *("Interpretation", "BIRADS", "Verification", "Diagnosis", "Classification"),
]


def breast(root: Path) -> Path:
    """A benign, a malignant (with an ``_other`` mask) and a normal case; the clinical table beside the image folder."""
    from openpyxl import Workbook

    rows = [
        (1, "case001.png", "case001_tumor.png", None, 0.01, 57, "oval", "Cyst", 2, "follow-up", "not applicable", "benign"),
        (2, "case002.png", "case002_tumor.png", "case002_other1.png", 0.02, "not available", "irregular",
         "Suspicion of malignancy", "4c", "biopsy", "Carcinoma", "malignant"),
        (3, "case003.png", None, None, 0.01, 40, "not applicable", "Normal", 1, "not applicable", "not applicable", "normal"),
    ]  # fmt: skip
    folder = root / "images_and_masks"
    for seed, row in enumerate(rows):
        write_image(folder / str(row[1]), seed=seed)
    write_mask(folder / "case001_tumor.png", [(4, 4, 20, 10)])
    write_mask(folder / "case002_tumor.png", [(8, 9, 16, 22)])
    write_mask(folder / "case002_other1.png", [(40, 5, 9, 9)])
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (BREAST_HEADER, *rows):
        sheet.append(list(line))
    book.save(root / "clinical-data.xlsx")
    return root


def busuclm(root: Path) -> Path:
    """Three patients; one mask twice as large as its image; BOM and semicolons; one Doppler image."""
    table = [
        "Image;Resolution;Label;Doppler;Marks;Combined",
        "ALWI_000.png;60x40;Benign;No;No;No",
        "ALWI_001.png;60x40;Normal;Yes;No;No",
        "COPE_000.png;60x40;Malignant;No;Yes;No",
        "ANLI_000.png;60x40;Benign;No;No;No",
    ]
    (root / "masks").mkdir(parents=True)
    (root / "INFO.csv").write_text("\n".join(table) + "\n", encoding="utf-8-sig")
    colours = {"ALWI_000": (1, [(5, 5, 10, 8)]), "ALWI_001": (1, []), "COPE_000": (0, [(20, 3, 15, 30)])}
    for seed, (name, (channel, rects)) in enumerate(colours.items()):
        write_image(root / "images" / f"{name}.png", seed=seed)
        pixels = np.zeros((40, 60, 3), dtype=np.uint8)
        pixels[..., channel] = mask(rects)
        Image.fromarray(pixels).save(root / "masks" / f"{name}.png")
    write_image(root / "images" / "ANLI_000.png", seed=9)
    large = np.zeros((80, 120, 3), dtype=np.uint8)
    large[20:40, 40:80, 1] = 255
    Image.fromarray(large).save(root / "masks" / "ANLI_000.png")
    return root
