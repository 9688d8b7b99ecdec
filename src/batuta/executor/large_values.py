"""Moves inputs and outputs that are too large for a row to internal storage (model/stored.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from batuta.engine import events as on
from batuta.engine.ledger import Ledger
from batuta.engine.spawning import STORES
from batuta.model import stored
from batuta.model.execution import Execution, TaskRun
from batuta.storage import uris
from batuta.storage.port import Storage
from batuta.storage.values import whole

ITERATION = "iteration-"
"""How the file of what one iteration of a Loop gave is called."""

encode = msgspec.json.Encoder().encode


class LargeValues:
    """Looks at what comes into the executor and at what leaves it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def out_of_event(self, event: on.AnyEvent, ledger: Ledger) -> on.AnyEvent:
        """The event with its large outputs in storage.

        What a child execution gave belongs to the parent from now on: it is moved whole when some of it is in
        the child's storage, or when the parent is a Loop that stores what its iterations give.
        """
        execution = ledger.execution
        match event:
            case on.TaskRunFinished(outputs=dict() as outputs):
                moved = await self._moved(outputs, execution, f"{event.task_run_id}-{event.token}")
            case on.ChildRunReported(outputs=dict() as outputs):
                place = f"{event.parent_run_id}-{event.token}-{event.task_id}"
                moved = await self._moved(outputs, execution, place)
            case on.SubflowEnded(outputs=dict() as outputs):
                place = f"{event.task_run_id}-{event.child_id}"
                run = ledger.run(event.task_run_id)
                if event.index is not None and run is not None and (run.memo or {}).get(STORES):
                    moved = await self._file(outputs, execution, run, event.index)
                elif stored.marks(outputs) or stored.is_large(outputs):
                    moved = await self._put("outputs", await whole(self._storage, outputs), execution, place)
                else:
                    moved = outputs
            case _:
                return event
        return event if moved is outputs else msgspec.structs.replace(event, outputs=moved)

    async def out_of_row(self, ledger: Ledger) -> Execution | None:
        """The execution's row with its large inputs and outputs in storage; None when it has none."""
        execution = ledger.execution
        inputs = await self._moved(execution.inputs, execution, "inputs")
        outputs = execution.outputs
        if outputs:
            outputs = await self._moved(outputs, execution, "outputs")
        if inputs is execution.inputs and outputs is execution.outputs:
            return None
        return msgspec.structs.replace(execution, inputs=inputs, outputs=outputs)

    async def out_of_run(self, run: TaskRun, ledger: Ledger) -> TaskRun:
        """The row of a task run with its large outputs in storage."""
        outputs = await self._moved(run.outputs or {}, ledger.execution, f"{run.id}-{run.token}")
        return msgspec.structs.replace(run, outputs=outputs)

    async def adopted(self, ledger: Ledger) -> tuple[Execution | None, list[TaskRun]]:
        """The rows of a copied execution that still name values of the original, with copies of its own."""
        execution = ledger.execution
        own, *others = ledger.homes
        if not others or not ledger.holds_stored:
            return None, []
        inputs = await self._copied(execution.inputs, own)
        row = None if inputs is execution.inputs else msgspec.structs.replace(execution, inputs=inputs)
        runs = []
        for run in ledger.runs.values():
            outputs = await self._copied(run.outputs, own)
            if outputs is not run.outputs:
                runs.append(msgspec.structs.replace(run, outputs=outputs))
        return row, runs

    async def rows(self, rows: list[Any]) -> AsyncIterator[bytes]:
        """The lines of a file of rows, with what is in storage in its place; JSON lines are valid Ion."""
        for row in rows:
            complete = await whole(self._storage, row)
            match complete:
                case {"item": item, "outputs": {"uri": str() as uri, **rest}} if (
                    not rest and ITERATION in uri
                ):
                    outputs = (await self._storage.read(uri)).rstrip()
                    yield b'{"item":' + encode(item) + b',"outputs":' + outputs + b"}\n"
                case _:
                    yield encode(complete) + b"\n"

    async def _moved(self, values: dict[str, Any], execution: Execution, place: str) -> dict[str, Any]:
        """The values with a mark for each large one; the same object when there is none."""
        moved: dict[str, Any] = {}
        for position, (name, value) in enumerate(values.items()):
            if type(value) in (str, list, dict) and stored.is_large(value):
                moved[name] = await self._put(name, value, execution, f"{place}-{position}")
        return {**values, **moved} if moved else values

    async def _file(
        self, outputs: dict[str, Any], execution: Execution, run: TaskRun, index: int
    ) -> dict[str, Any]:
        uri = uris.task_file(
            execution.namespace,
            execution.flow_id,
            execution.id,
            run.task_id,
            run.id,
            f"{ITERATION}{index}.ion",
        )
        await self._storage.put(uri, encode(await whole(self._storage, outputs)) + b"\n")
        return {"uri": uri}

    async def _put(self, name: str, value: Any, execution: Execution, place: str) -> dict[str, Any]:
        content = encode(value)
        uri = uris.value_file(execution.namespace, execution.flow_id, execution.id, place, name)
        await self._storage.put(uri, content)
        return stored.mark(uri, len(content))

    async def _copied(self, value: Any, own: str) -> Any:
        moves = {}
        for uri in stored.marks(value):
            if own not in uri:
                head, _, name = uri.rpartition("/")
                target = f"{head.rpartition('/executions/')[0]}{own}{name}"
                moves[uri] = target
                await self._storage.put(target, self._storage.stream(uri))
        if not moves:
            return value

        def renamed(mark: dict[str, Any]) -> dict[str, Any]:
            uri = stored.uri_of(mark) or ""
            return stored.mark(moves.get(uri, uri), mark["bytes"])

        return stored.replaced(value, renamed)
