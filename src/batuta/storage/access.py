"""Which stored files an execution may read (stores spec §A17.1).

Those of its own namespace; the files of every namespace, as the open edition has it; those of executions that
it comes from or has started; and what was handed to it as an input or by its trigger.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Protocol

from batuta.errors import InvalidRequest
from batuta.model.execution import Execution
from batuta.storage import uris

MOST_ANCESTORS = 100
"""How far a line of parents is followed."""

_EXECUTION_ID = re.compile(r"/executions/([^/]+)/")


class Executions(Protocol):
    """Where executions are looked up."""

    async def get(self, execution_id: str) -> Execution | None:
        """One execution."""


async def check_readable(
    uri: str, *, namespace: str, reader: Execution | None, executions: Executions
) -> None:
    """Let a flow of a namespace read a file; `reader` is its execution, where there is one.

    Raises:
        InvalidRequest: the file belongs to somebody else.
    """
    owner = uris.namespace_of(uri)
    if owner == namespace or (owner is not None and uris.is_namespace_file(uri)):
        return
    if owner is None and uri.startswith(uris.namespace_root(namespace)):
        return
    if reader is not None and (_hands_over(reader, uri) or await _is_related(uri, reader, executions)):
        return
    raise InvalidRequest(
        f"Unable to read the file '{uri}' as it doesn't belong to the current execution",
        mend="hand the file to the flow as an input, or put it among the files of a namespace",
    )


def _hands_over(reader: Execution, uri: str) -> bool:
    given = [reader.inputs, reader.trigger.variables if reader.trigger else {}]
    return any(uri == text for value in given for text in _texts(value))


def _texts(value: Any) -> list[str]:
    found: list[str] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list | tuple):
            waiting += each
    return found


async def _is_related(uri: str, reader: Execution, executions: Executions) -> bool:
    match = _EXECUTION_ID.search(uri)
    found = await executions.get(match[1]) if match else None
    if found is None or not uris.is_of_execution(uri, found.namespace, found.flow_id, found.id):
        return False
    if any([ancestor.id == found.id async for ancestor in _ancestors(reader, executions)]):
        return True
    return any([ancestor.id == reader.id async for ancestor in _ancestors(found, executions)])


async def _ancestors(execution: Execution, executions: Executions) -> AsyncIterator[Execution]:
    """The execution that started this one, the one that started that, and so on."""
    for _ in range(MOST_ANCESTORS):
        variables = execution.trigger.variables if execution.trigger else {}
        parent_id = variables.get("executionId") or execution.parent_id
        parent = await executions.get(parent_id) if isinstance(parent_id, str) else None
        if parent is None:
            return
        yield parent
        execution = parent
