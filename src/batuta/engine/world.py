"""What the rules are told of the world around them: time, outside values, and what the operator decided."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
    encrypt: Callable[[str], Any] | None = None
    """Makes a value of type SECRET fit to be kept; None where there is no key."""
    decrypt: Callable[[dict[str, Any]], str] | None = None
    limits: expr.Limits = expr.Limits()
    recover_missed_schedules: str = "ALL"
    """Which missed ticks are made good where a schedule says nothing about it."""

    def options(self, now: datetime) -> expr.Options:
        """How templates are rendered at an instant."""
        return expr.Options(recursive=self.recursive_rendering, now=now, limits=self.limits)


class Chance:
    """Seeds for the random functions of expressions: each rendering of a step gets another one.

    They follow from what the step is about, so that a step which is made twice draws the same.
    """

    __slots__ = ("_count", "_options", "_root")

    def __init__(self, root: str, options: expr.Options) -> None:
        self._root = root
        self._options = options
        self._count = 0

    def options(self) -> expr.Options:
        """How the next template is rendered."""
        self._count += 1
        digest = hashlib.blake2b(f"{self._root}/{self._count}".encode(), digest_size=16).digest()
        return self._options._replace(seed=int.from_bytes(digest, "big"))
