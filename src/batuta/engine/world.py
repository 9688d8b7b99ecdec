"""What the rules are told of the world around them: time, outside values, and what the operator decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from batuta import expr


class World(msgspec.Struct, frozen=True, kw_only=True):
    """The same for every step of a process."""

    envs: dict[str, str] = {}
    """What expressions see as `envs`."""
    globals: dict[str, Any] = {}
    """What expressions see as `globals`."""
    environment: str | None = None
    url: str | None = None
    recursive_rendering: bool = False
    limits: expr.Limits = expr.Limits()

    def options(self, now: datetime, seed: int | None = None) -> expr.Options:
        """How templates are rendered at an instant."""
        return expr.Options(recursive=self.recursive_rendering, now=now, seed=seed, limits=self.limits)
