"""Who may do what: the one place that decides.

A server listens on loopback and has one user, so everybody who reaches it may do everything. A guard with
user name and password decides here as well: on the request first, then on the object that was found, never
on words of a path.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from batuta.web.rejections import Unauthenticated


class Action(StrEnum):
    """What somebody wants to do to an object."""

    READ = "READ"
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


EVERYWHERE = ""
"""In place of a namespace: what belongs to none, or is of all."""


class Guard:
    """Decides for every request, and for every object that a handler has found."""

    def refusal(self, scope: Any) -> Unauthenticated | None:
        """Why a request is not answered at all, or None."""
        return None

    def must(self, action: Action, namespace: str) -> None:
        """Raise where the user may not do this in a namespace."""


OPEN = Guard()
"""Lets everybody do everything."""
