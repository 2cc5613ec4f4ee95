"""Who may do what.

A viewer diagnoses and sees what is theirs. An annotator and a reader may do that too, and annotate or take part in reader studies.
An administrator may do everything and sees everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from usnet.web.words import N_

Role = Literal["viewer", "annotator", "reader", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

Scope = Literal["read", "write", "metrics"]
"""Of an API token: ``read`` for GET, ``write`` for every other method, ``metrics`` for ``/metrics`` alone."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class User:
    """Who makes a request. ``id`` is what goes into logs; ``name`` is for the page alone. ``scopes`` is ``None`` for a person."""

    id: str
    name: str
    role: Role
    scopes: frozenset[str] | None = None

    @property
    def is_administrator(self) -> bool:
        """Whether the user may do everything."""
        return self.role == "administrator"

    def has(self, *roles: Role) -> bool:
        """Whether the user has one of these roles; an administrator has them all, and everybody is a viewer."""
        return self.is_administrator or self.role in roles or "viewer" in roles

    def may_see(self, owner: str) -> bool:
        """Whether the user may see and change an object of ``owner`` (an account id)."""
        return self.is_administrator or owner == self.id


_SHOWN = (N_("viewer"), N_("annotator"), N_("reader"), N_("administrator"))  # for the catalogue of messages

LOCAL = User("local", "local", "administrator")
"""Everybody, on a loopback address without login."""
