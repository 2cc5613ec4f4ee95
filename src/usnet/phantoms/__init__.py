"""Simulated B-mode breast ultrasound with exact truth, for the demo, for tests and for pretraining.

:func:`simulate` draws one image; :mod:`usnet.phantoms.writing` writes a dataset, :mod:`usnet.phantoms.cine` sweeps through a
nodule, :mod:`usnet.phantoms.dicom` makes calibrated DICOM of either. The physics is in :mod:`usnet.phantoms.physics`, what
nodules look like in :mod:`usnet.phantoms.kinds`. Phantoms are no substitute for patients: what is measured on them says nothing
about clinical accuracy.
"""

from __future__ import annotations

from usnet.phantoms.simulate import Phantom, simulate

__all__ = ["Phantom", "simulate"]
