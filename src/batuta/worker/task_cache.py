"""Outputs that a task uses again instead of running: `taskCache` (flow spec §4).

An entry stands for one task of one flow with its properties as rendered: other values are another entry. An
attempt that fails leaves none.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import msgspec

from batuta import expr, iso8601
from batuta.errors import BatutaError, TaskError
from batuta.plugin.converters import as_text
from batuta.ports import Ports
from batuta.storage import uris
from batuta.worker.context import AttemptInputs
from batuta.worker.render import Renderer


class Entry(msgspec.Struct, frozen=True):
    """What is stored of a run that succeeded."""

    outputs: dict[str, Any] | None
    secrets: tuple[str, ...] = ()
    """What the run has seen of secrets, encrypted, as are the outputs that hold one."""


class TaskCache:
    """The entry of one attempt."""

    def __init__(self, ports: Ports, uri: str, ttl: timedelta | None) -> None:
        self._ports = ports
        self._uri = uri
        self._ttl = ttl

    @classmethod
    async def of(cls, ports: Ports, inputs: AttemptInputs, renderer: Renderer) -> TaskCache | None:
        """The entry that the attempt of a task asks for; None when it asks for none."""
        declared = inputs.task.common.get("taskCache")
        if not isinstance(declared, dict) or declared.get("enabled") is not True:
            return None
        ttl = declared.get("ttl")
        try:
            age = None if ttl is None else iso8601.parse_duration(as_text(ttl))
        except (ValueError, OverflowError) as error:
            raise TaskError(f"taskCache.ttl: {error}") from None
        try:
            properties = await _rendered(inputs.task.properties, renderer)
        except expr.ExpressionError:
            # The task renders a property itself, with names that only it knows.
            return None
        execution, task = inputs.execution, inputs.task
        definition = msgspec.json.encode([task.type, properties], order="deterministic", enc_hook=str)
        digest = hashlib.blake2b(definition, digest_size=16).hexdigest()
        folder = uris.cache(execution.namespace, execution.flow_id, task.id).rpartition("/")[0]
        return cls(ports, f"{folder}/{digest}.json", age)

    async def find(self) -> Entry | None:
        """The entry, unless there is none, it is too old, or nobody can read it."""
        storage = self._ports.storage
        stored = await storage.stat(self._uri)
        if stored is None:
            return None
        if self._ttl is not None and self._ports.clock.now() - stored.changed_at > self._ttl:
            return None
        try:
            return msgspec.json.decode(await storage.read(self._uri), type=Entry)
        except (BatutaError, msgspec.DecodeError):
            return None

    async def keep(self, outputs: dict[str, Any] | None, secrets: tuple[str, ...] = ()) -> None:
        """Store what the run gave."""
        await self._ports.storage.put(self._uri, msgspec.json.encode(Entry(outputs, secrets), enc_hook=str))


async def _rendered(value: Any, renderer: Renderer) -> Any:
    if isinstance(value, str):
        return await renderer.rendered(value)
    if isinstance(value, dict):
        return {
            await renderer.rendered(as_text(name)): await _rendered(each, renderer)
            for name, each in value.items()
        }
    return [await _rendered(each, renderer) for each in value] if isinstance(value, list) else value
