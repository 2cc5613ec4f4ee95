"""What workers do for the diagnose pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from usnet.store.jobs import Job
from usnet.web.workplace import Workplace


def handlers(place: Workplace, alive: Callable[[], None]) -> dict[str, Callable[[Job], dict[str, Any] | None]]:
    """Job kinds of this room."""
    return {}
