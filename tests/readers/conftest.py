"""Reader studies need the extra ``store``."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="the extra store is not installed")
