"""Labels: pairs of words by which people find flows and executions (flow spec §1.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

SYSTEM_PREFIX = "system."
CORRELATION_ID = "system.correlationId"
FROM = "system.from"
READ_ONLY = "system.readOnly"
RESTARTED = "system.restarted"
REPLAY = "system.replay"
REPLAYED = "system.replayed"
QUOTA = "system.quota"
EXCEEDED = "exceeded"
"""Value of `QUOTA` at an execution that a quota has refused."""


class Label(msgspec.Struct, frozen=True):
    """One pair; both parts are text and never empty."""

    key: str
    value: str

    @property
    def is_system(self) -> bool:
        """Set by the program, not by people."""
        return self.key.startswith(SYSTEM_PREFIX)


Labels = tuple[Label, ...]


def merged(*groups: Iterable[Label]) -> Labels:
    """All groups in order; of two labels with one key the later stands, at the place of the first."""
    by_key: dict[str, Label] = {}
    for group in groups:
        for label in group:
            if label.key and label.value:
                by_key[label.key] = label
    return tuple(by_key.values())


def value_of(labels: Iterable[Label], key: str) -> str | None:
    """The value under `key`, or None."""
    return next((label.value for label in labels if label.key == key), None)


def nested(labels: Iterable[Label]) -> dict[str, Any]:
    """Labels as expressions see them: `labels.system.correlationId` for `system.correlationId`."""
    tree: dict[str, Any] = {}
    for label in labels:
        *parents, leaf = label.key.split(".")
        node = tree
        for part in parents:
            below = node.setdefault(part, {})
            if not isinstance(below, dict):
                below = node[part] = {}
            node = below
        node.setdefault(leaf, label.value)
    return tree
