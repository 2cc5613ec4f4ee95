"""The quick way to scipy's filters leaves numpy as it was."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, numpy
from usnet.images.filters import ndimage
assert ndimage.uniform_filter([1.0, 4.0, 1.0], 3).tolist() == [2.0, 2.0, 2.0]
assert "numpy.f2py" not in sys.modules and "numpy.testing" not in sys.modules, "loaded all the same"
numpy.testing.assert_equal(1, 1)
assert callable(numpy.f2py.get_include)
import scipy.stats, scipy.optimize, scipy.interpolate
from scipy.ndimage import gaussian_filter
gaussian_filter(numpy.eye(4), 1)
"""


def test_numpy_is_whole_afterwards() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
