"""Run a flow in a test of one's own: real tasks, fixtures, no waiting.

```python
from batuta.testing import rehearse

done = rehearse(FLOW, inputs={"day": "2026-02-28"}, fixtures={"tasks": [{"id": "notify"}]})
assert done.state == "SUCCESS"
assert done.outputs["total"]["value"] == "1"
```
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from batuta import flows
from batuta.engine.ledger import Ledger
from batuta.errors import BatutaError
from batuta.flows.findings import Violation
from batuta.model.flow import Flow
from batuta.testing.guard import Needed, Reach
from batuta.testing.library import Library
from batuta.testing.rehearsal import Rehearsal
from batuta.testing.report import LogEntry
from batuta.testing.running import MOST_SECONDS, Rules, theatre
from batuta.testing.suite import Case, Fixtures
from batuta.testing.suite_check import fixture_mismatches
from batuta.testing.suite_reader import InvalidSuite, fixtures_of
from batuta.testing.view import View

T = TypeVar("T")


class FixtureNeeded(BatutaError):
    """A task without a fixture would have reached out of the test. Attributes: `needed`, all of them."""

    code = "test.fixture-needed"

    def __init__(self, needed: list[Needed]) -> None:
        self.needed = tuple(needed)
        super().__init__("; ".join(each.message for each in needed), mend=needed[0].mend)


class Rehearsed(View):
    """How a rehearsed execution ended.

    Attributes:
        ledger: the execution with its task runs.
        log: what was logged, by all executions that took part, in order.
        duration: how long it took, on its own clock.
    """

    def __init__(self, rehearsal: Rehearsal, ledger: Ledger) -> None:
        self._ledger = ledger
        self._storage = rehearsal.surroundings.storage
        self.log = [
            LogEntry(line.level.value, line.task_id, line.message)
            for line in rehearsal.surroundings.logs.lines
        ]
        self.duration = timedelta(seconds=rehearsal.surroundings.clock.monotonic())

    @property
    def ledger(self) -> Ledger:
        """The execution with its task runs."""
        return self._ledger

    @property
    def flow_outputs(self) -> dict[str, Any]:
        """The outputs that the flow declares."""
        return self.execution.outputs or {}

    @property
    def labels(self) -> dict[str, str]:
        """The execution's labels."""
        return {label.key: label.value for label in self.execution.labels}

    def content(self, uri: str) -> bytes:
        """What a file of the execution holds.

        Raises:
            NotFound: there is no such file.
        """
        return self._storage.content(uri)


def rehearse(
    flow: str | Path | Flow,
    *,
    inputs: Mapping[str, Any] | None = None,
    fixtures: Mapping[str, Any] | None = None,
    subflows: Iterable[str | Path] = (),
    now: datetime | None = None,
    allow_network: bool = False,
    allow_processes: bool = False,
    most_seconds: float = MOST_SECONDS,
) -> Rehearsed:
    """Run a flow to its end, as `batuta test` does.

    Args:
        flow: its text, or the path of its file.
        inputs: values of its inputs.
        fixtures: as a test suite has them: `tasks`, `files`, `kv`, `secrets`, `trigger` ...
        subflows: texts or paths of the flows that it starts.
        now: when the clock of the execution begins; 2026-01-01 unless said otherwise.
        allow_network: let tasks without a fixture reach the network.
        allow_processes: let tasks without a fixture start processes.
        most_seconds: the most real time that it may take.

    Raises:
        InvalidFlow: a text is not a flow.
        InvalidSuite: the fixtures are wrong, or do not fit the flow.
        InvalidRequest: the inputs are wrong.
        FixtureNeeded: a task wanted to reach out, which is not allowed.
        Unfinished: the execution does not come to its end.
    """
    tested = flow if isinstance(flow, Flow) else flows.parse(_text(flow))
    others = [flows.parse(_text(each)) for each in subflows]
    written = {**(fixtures or {}), "inputs": {**(fixtures or {}).get("inputs", {}), **(inputs or {})}}
    case = Case(id="rehearsal", fixtures=_checked(written, tested, now))
    reach = {Reach.NETWORK: allow_network, Reach.PROCESSES: allow_processes}
    rules = Rules(
        allowed=frozenset(each for each, is_allowed in reach.items() if is_allowed), most_seconds=most_seconds
    )
    library = Library({each.key: each for each in (*others, tested)})

    def perform() -> Rehearsed:
        with theatre(rules) as stage:
            ended: Rehearsed = stage.rehearse(tested, library, case, _ended)
            return ended

    return off_the_loop(perform)


def off_the_loop(call: Callable[[], T]) -> T:
    """Call something that runs a loop of its own: in a thread of its own where a loop runs already."""
    if not _is_on_a_loop():
        return call()
    future: Future[T] = Future()
    context = contextvars.copy_context()

    def perform() -> None:
        try:
            future.set_result(context.run(call))
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=perform, name="rehearsal")
    thread.start()
    thread.join()
    return future.result()


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _ended(rehearsal: Rehearsal, ledger: Ledger) -> Rehearsed:
    if rehearsal.mocking.needed:
        raise FixtureNeeded(rehearsal.mocking.needed)
    return Rehearsed(rehearsal, ledger)


def _text(flow: str | Path) -> str:
    return flow.read_text(encoding="utf-8") if isinstance(flow, Path) else flow


def _checked(written: dict[str, Any], flow: Flow, now: datetime | None) -> Fixtures:
    if now is not None:
        written["now"] = now.isoformat()
    fixtures, found = fixtures_of(written)
    wrong: tuple[Violation, ...] = fixture_mismatches(found, fixtures, flow)
    if wrong:
        raise InvalidSuite(wrong)
    return fixtures
