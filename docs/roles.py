"""Griffe extension: the docstrings' ``:class:`~usnet.values.Box``` becomes a link that shows ``Box``."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`(~?)([\w.]+)`")


class Roles(Extension):
    """Rewrites roles in every docstring; a name that the site does not have stays plain code."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Griffe's hook, once an object."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(lambda role: _link(role, obj), obj.docstring.value)


def _link(role: re.Match[str], obj: Object) -> str:
    name = role[2]
    shown = name.rpartition(".")[2] if role[1] else name
    target = name if name.startswith("usnet") else f"{obj.module.path}.{name}"
    return f'<autoref optional identifier="{target}"><code>{shown}</code></autoref>'
