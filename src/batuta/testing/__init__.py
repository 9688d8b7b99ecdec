"""Flows under test: `rehearse` runs real tasks, `run.run` drives the engine with a scripted worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batuta.testing.rehearsing import FixtureNeeded as FixtureNeeded
    from batuta.testing.rehearsing import Rehearsed as Rehearsed
    from batuta.testing.rehearsing import rehearse as rehearse

_PUBLIC = ("FixtureNeeded", "Rehearsed", "rehearse")


def __getattr__(name: str) -> Any:
    """The public names, imported when they are asked for: the engine's own tests do without a worker."""
    if name not in _PUBLIC:
        raise AttributeError(name)
    from batuta.testing import rehearsing

    return getattr(rehearsing, name)
