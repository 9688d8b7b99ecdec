"""Where the state of a flow is kept: one entry of the key-value store (triggers-and-stores spec A15)."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from batuta.errors import TaskError
from batuta.paths import slugify
from batuta.plugin.context import RunContext


def state_key(ctx: RunContext, name: str, *, of_namespace: bool, by_value: bool) -> str:
    """The key of a state: of a flow or shared by the namespace, and perhaps one per value of a loop."""
    parts = [] if of_namespace else [slugify(ctx.identity.flow_id)]
    parts += ["states", "tasks-states", name]
    value = ctx.names["taskrun"].get("value") if by_value else None
    if value is not None:
        parts.append(hashlib.sha256(str(value).encode()).hexdigest()[:16])
    return "_".join(parts)


async def read_state(ctx: RunContext, key: str) -> dict[str, Any] | None:
    """The state under a key of the flow's own namespace; None when there is none."""
    if key not in await ctx.kv.keys(key):
        return None
    text = await ctx.kv.get(key)
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if isinstance(text, str) else dict(text)
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError, ValueError):
        raise TaskError(
            f"The entry '{key}' of the key-value store holds no state", mend="delete it, or set it anew"
        ) from None


async def write_state(ctx: RunContext, key: str, state: dict[str, Any]) -> None:
    """Keep a state."""
    await ctx.kv.put(key, msgspec.json.encode(state).decode(), type="STRING")


def missing(name: str) -> TaskError:
    """There is no state where one was asked for."""
    return TaskError(f"State '{name}' does not exist.", mend="set it first, or leave out `errorOnMissing`")


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Both maps, nested ones merged."""
    result = dict(old)
    for key, value in new.items():
        there = result.get(key)
        result[key] = merged(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return result
