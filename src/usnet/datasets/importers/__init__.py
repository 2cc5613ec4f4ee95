"""Importers: a published layout in, a dataset folder out. Each names every input it leaves out, and why."""

from __future__ import annotations

from usnet.datasets.importers.breast import import_breast
from usnet.datasets.importers.busbra import import_busbra
from usnet.datasets.importers.busi import import_busi
from usnet.datasets.importers.busuclm import import_busuclm
from usnet.datasets.importers.coco import import_coco
from usnet.datasets.importers.common import ImportResult, Problem, Progress
from usnet.datasets.importers.dicom import import_dicom
from usnet.datasets.importers.table import import_csv

__all__ = [
    "ImportResult",
    "Problem",
    "Progress",
    "import_breast",
    "import_busbra",
    "import_busi",
    "import_busuclm",
    "import_coco",
    "import_csv",
    "import_dicom",
]
