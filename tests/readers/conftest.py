"""Reader studies need the extra ``store``, their pages the extra ``web``."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

pytest.importorskip("sqlalchemy", reason="the extra store is not installed")
collect_ignore = (
    [] if find_spec("fastapi") else ["test_study_pages.py", "test_browser_study.py", "test_study_crashes.py"]
)
