"""scipy's image filters without two parts of numpy that nobody here needs: a third of what importing them costs at a cold start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

_UNUSED = ("f2py", "testing")
"""scipy copies every name of numpy, which loads numpy's Fortran compiler front end and its test tools."""


@contextmanager
def _left_out(names: tuple[str, ...]) -> Iterator[None]:
    """Parts of numpy that are not loaded yet are empty modules for the time of the block, and load as ever after it."""
    empty = {name: ModuleType(f"numpy.{name}") for name in names if name not in vars(np)}
    vars(np).update(empty)
    try:
        yield
    finally:
        for name, module in empty.items():
            if vars(np).get(name) is module:
                delattr(np, name)


with _left_out(_UNUSED):
    from scipy import ndimage

__all__ = ["ndimage"]
