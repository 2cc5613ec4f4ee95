"""Every rival that the paper names, behind one interface, on the same splits; see :mod:`usnet.comparators.method`."""

from __future__ import annotations
