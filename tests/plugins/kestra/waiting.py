"""Waits for a state of an execution."""

from __future__ import annotations

import asyncio
from typing import Any


async def until(server: Any, execution_id: str, state: str) -> Any:
    """The execution once it is in a state."""
    async with asyncio.timeout(30):
        while True:
            found = await server.call("GET", f"/executions/{execution_id}")
            if found["state"]["current"] == state:
                return found
            await asyncio.sleep(0.02)


async def first_of(server: Any, flow_id: str) -> Any:
    """The first execution of a flow, once it has ended."""
    async with asyncio.timeout(30):
        while True:
            params = {"filters[flowId][EQUALS]": flow_id}
            found = await server.call("GET", "/executions/search", params=params)
            if found["results"]:
                return await until(server, found["results"][0]["id"], "SUCCESS")
            await asyncio.sleep(0.05)
