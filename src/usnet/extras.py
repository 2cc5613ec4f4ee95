"""Optional dependencies: one place that says which extra a missing library belongs to."""

from __future__ import annotations

from importlib.util import find_spec

from usnet.errors import MissingExtra


def need(*modules: str, extra: str, feature: str) -> None:
    """Check that ``modules`` can be imported, without importing them.

    Raises
    ------
    MissingExtra
        Names the missing module, the feature that needs it and the extra that brings it.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"{feature} needs {', '.join(missing)}, which is not installed",
            hint=f"Install it with: pip install 'usnet[{extra}]'",
        )
