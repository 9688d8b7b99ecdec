"""Looks at everything that becomes durable, and says what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from batuta import flows
from batuta.engine import events as on
from batuta.engine.endings import PARENT_RUN
from batuta.engine.ledger import Ledger
from batuta.engine.tally import recount
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Flow, FlowKey
from batuta.model.state import EXECUTION_TRANSITIONS, TASK_RUN_TRANSITIONS, Moment, State
from batuta.model.trigger import TriggerKey
from batuta.store.batch import Batch
from tests.simulation import order
from tests.simulation.model import Known, short
from tests.simulation.ticks import Ticks
from tests.simulation.work import NAME as WORK
from tests.simulation.work import Performances

if TYPE_CHECKING:
    from tests.simulation.site import Site

MOST_COMPLAINTS = 10
RECOUNT_EVERY = 7
"""Every so many commits the indexes in memory are compared with a recount."""


class Checker:
    """Holds all invariants of a simulation."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.complaints: list[str] = []
        self.known: dict[str, Known] = {}
        self.ticks = Ticks(self)
        self.performances = Performances()
        self._flows: dict[tuple[FlowKey, int], Flow] = {}
        self._limits: dict[FlowKey, int] = {}
        self._by_flow: dict[FlowKey, set[str]] = {}
        self._started: Counter[tuple[str, int]] = Counter()
        self._finished: dict[tuple[str, int], on.TaskRunFinished] = {}
        self._by_run: dict[str, list[on.TaskRunFinished]] = {}
        self._early: dict[str, list[on.AnyEvent]] = {}
        self._seen = 0

    def wrong(self, what: str) -> None:
        """Complain."""
        if len(self.complaints) < MOST_COMPLAINTS:
            self.complaints.append(f"{self._site.loop.time():.3f} {what}")
            self._site.note(f"WRONG {what}")

    # What workers say

    def heard(self, event: on.AnyEvent) -> None:
        """A worker's word, before it may be doubled."""
        if isinstance(event, on.TaskRunStarted):
            key = (event.task_run_id, event.token)
            self._started[key] += 1
            if self._started[key] > 1:
                self.wrong(f"the attempt {key} began {self._started[key]} times")
        elif isinstance(event, on.TaskRunFinished):
            key = (event.task_run_id, event.token)
            if key in self._finished:
                self.wrong(f"the attempt {key} ended twice")
            self._finished[key] = event
            self._by_run.setdefault(event.task_run_id, []).append(event)

    # What became durable

    def definition(self, key: TriggerKey) -> dict[str, Any]:
        """What a flow says about a trigger."""
        flow = next(flow for (flow_key, _), flow in self._flows.items() if flow_key == key.flow)
        found: dict[str, Any] = next(
            each for each in flow.document["triggers"] if each["id"] == key.trigger_id
        )
        return found

    def saw(self, batch: Batch) -> None:
        """Compare a batch with what was known before it."""
        self._seen += 1
        for revision in batch.flows:
            flow = flows.parse(revision.source, revision=revision.revision)
            self._flows[revision.key, revision.revision] = flow
            if flow.concurrency is not None:
                self._limits[revision.key] = flow.concurrency.limit
        for event in batch.posted:
            if event.execution_id in self.known:
                self.known[event.execution_id].was_asked(event)
        touched: set[FlowKey] = set()
        for execution in batch.executions.values():
            self._execution(execution)
            touched.add(execution.flow_key)
        for line in batch.logs:
            if "Internal error" in line.message:
                self.wrong(f"execution {line.execution_id}: {line.message}")
        for execution_id in batch.granted:
            self.known[execution_id].has_slot = True
        self._task_runs(batch)
        for key in touched:
            self._slots(key)
        self.ticks.saw(batch)
        if batch.executions or batch.task_runs:
            self._memory(batch)

    def _execution(self, execution: Execution) -> None:
        known = self.known.get(execution.id)
        moments = execution.state.moments
        if known is None:
            flow = self._flows[execution.flow_key, execution.revision]
            known = self.known[execution.id] = Known(execution, flow)
            # A replay from the middle goes on where its source had come to.
            known.bypasses = (
                len(moments) > 1
                and moments[0].state is State.CREATED
                and State.RESTARTED in [moment.state for moment in moments]
            )
            known.was_permitted = known.bypasses
            self._by_flow.setdefault(execution.flow_key, set()).add(execution.id)
            self.ticks.began(known)
            before: tuple[Moment, ...] = moments[:1]
        else:
            before = known.execution.state.moments
            if moments[: len(before)] != before:
                self.wrong(
                    f"the history of {execution.id} was rewritten: {_text(before)} to {_text(moments)}"
                )
        new = moments[len(before) - 1 :]
        for a, b in pairwise(new):
            if b.state not in EXECUTION_TRANSITIONS[a.state]:
                self.wrong(f"execution {execution.id} went from {a.state} to {b.state}")
            if a.state.is_ended and not known.bypasses:
                known.permits -= 1
                if known.permits < 0:
                    self.wrong(f"execution {execution.id} left {a.state} for {b.state} unasked")
            if b.at < a.at:
                self.wrong(f"the history of {execution.id} runs backwards")
        known.execution = execution

    def _task_runs(self, batch: Batch) -> None:
        parents: dict[tuple[str, str | None], None] = {}
        fresh: list[tuple[Known, TaskRun]] = []
        # A replay from the middle takes along what its source has done.
        copies = {id for id, each in batch.executions.items() if each.state.current is State.RESTARTED}
        for execution_id, ordinal in batch.removed_task_runs:
            if execution_id in self.known:
                self.known[execution_id].runs.pop(ordinal, None)
        for (execution_id, ordinal), run in batch.task_runs.items():
            known = self.known[execution_id]
            old = known.runs.get(ordinal)
            known.runs[ordinal] = run
            parents[execution_id, run.parent_id] = None
            if old is None and execution_id not in copies:
                fresh.append((known, run))
            self._task_run(known, old, run)
        for known, run in fresh:
            for reason in order.too_early(known, run):
                self.wrong(f"{_name(known, run)} began too early: {reason}")
        for execution_id, parent_id in parents:
            complaint = order.too_many(self.known[execution_id], parent_id)
            if complaint:
                self.wrong(f"execution {execution_id}, below {parent_id}: {complaint}")

    def _task_run(self, known: Known, old: TaskRun | None, run: TaskRun) -> None:
        name = _name(known, run)
        moments = run.state.moments
        task = known.task(run)
        before = moments[:1] if old is None else old.state.moments
        if moments[: len(before)] != before:
            before = moments[:1]
            if task is None or short(task.type) != "LoopUntil":
                self.wrong(f"the history of {name} was rewritten to {_text(moments)}")
        for a, b in pairwise(moments[len(before) - 1 :]):
            if b.state not in TASK_RUN_TRANSITIONS[a.state]:
                self.wrong(f"{name} went from {a.state} to {b.state}")
            tries_again = a.state is State.FAILED and b.state in (State.RETRYING, State.RETRIED)
            if a.state.is_ended and not tries_again and not known.was_permitted:
                self.wrong(f"{name} left {a.state} for {b.state} unasked")
        if old is not None and run.token < old.token:
            self.wrong(f"the token of {name} went from {old.token} to {run.token}")
        if task is not None and task.type == WORK:
            self._result(known, old, run, name)

    def _result(self, known: Known, old: TaskRun | None, run: TaskRun, name: str) -> None:
        """A run of `Work`: what it says it has done was done, under its token, and once."""
        number = (run.outputs or {}).get("performance")
        was = None if old is None else (old.outputs or {}).get("performance")
        heard = self._by_run.get(run.id, [])
        if number is not None and number != was and old is not None:
            found = [event.token for event in heard if (event.outputs or {}).get("performance") == number]
            if not found:
                self.wrong(f"{name} has the outputs of a performance that nobody reported")
            elif found[0] < old.token:
                self.wrong(f"{name} took the result of token {found[0]}, its own was {old.token}")
        successes = sum(each.state.current is State.SUCCESS for each in run.attempts)
        reported = sum(event.state is State.SUCCESS for event in heard)
        copied = known.execution.parent_id is not None
        if successes > reported and not copied and "TaskRunMarked" not in known.asked:
            self.wrong(f"{name} has {successes} successful attempts, {reported} were reported")

    def _slots(self, key: FlowKey) -> None:
        limit = self._limits.get(key)
        if limit is None:
            return
        holders = [
            each
            for each in map(self.known.__getitem__, self._by_flow[key])
            if each.holds_slot and not each.bypasses
        ]
        if len(holders) > limit:
            self.wrong(f"{len(holders)} executions of {key} run, {limit} may")

    # What is in memory

    def _memory(self, batch: Batch) -> None:
        executor = self._site.servers[0].executor
        if executor is None:
            return
        for execution_id in {*batch.executions, *(key[0] for key in batch.task_runs)}:
            ledger = executor.live.known(execution_id)
            known = self.known[execution_id]
            if ledger is None or ledger.execution is not known.execution:
                continue
            if {run.ordinal: run for run in ledger.runs.values()} != known.runs:
                self.wrong(f"the task runs of {execution_id} in memory are not those of its rows")
            if self._seen % RECOUNT_EVERY == 0:
                for complaint in miscounted(ledger):
                    self.wrong(f"execution {execution_id}: {complaint}")

    # The end

    def is_quiet(self) -> bool:
        """Every execution is over, and no trigger starts another one."""
        return all(known.execution.settled for known in self.known.values()) and self.ticks.are_quiet()

    def at_rest(self) -> None:
        """Everything has ended: was everything done, and done as it is specified?"""
        for known in self.known.values():
            execution = known.execution
            if not execution.settled:
                self.wrong(f"execution {execution.id} of {execution.flow_id} is {execution.state.current}")
                continue
            for run in known.runs.values():
                if not run.is_ended:
                    self.wrong(f"{_name(known, run)} is {run.state.current}, its execution is over")
            if (
                not known.asked - {"SubflowEnded", "ResumeRequested", "ReviewGiven"}
                and not known.was_permitted
            ):
                self._left_alone(known)
        self._children()
        self._tries()
        self.ticks.at_rest()

    def _left_alone(self, known: Known) -> None:
        execution = known.execution
        if not known.outline.slas:
            for complaint in order.wrong_end(known):
                self.wrong(f"execution {execution.id} of {execution.flow_id}: {complaint}")
        for run in known.runs.values():
            heard = self._finished.get((run.id, run.token))
            task = known.task(run)
            if heard is None or task is None or task.type != WORK or not run.attempts:
                continue
            last = run.attempts[-1].state.current
            if last in (State.SUCCESS, State.FAILED) and last is not heard.state and not known.outline.slas:
                if heard.state is State.KILLED or last is State.FAILED:
                    continue  # its parent took it down, and it heard of that
                self.wrong(f"{_name(known, run)} ended {last}, its worker had said {heard.state}")

    def _tries(self) -> None:
        """What was to be tried again as a new execution was."""
        sources = {known.execution.parent_id for known in self.known.values()}
        for known in self.known.values():
            execution = known.execution
            if execution.state.current is State.RETRIED and execution.id not in sources:
                self.wrong(f"execution {execution.id} is RETRIED, and there is no next try")

    def _children(self) -> None:
        """Each attempt of a Subflow has one child."""
        found: Counter[str] = Counter()
        for known in self.known.values():
            trigger = known.execution.trigger
            run_id = None if trigger is None else trigger.variables.get(PARENT_RUN)
            is_first = known.execution.original_id == known.execution.id
            if isinstance(run_id, str) and is_first and known.execution.loop is None:
                found[run_id] += 1
        for known in self.known.values():
            for run in known.runs.values():
                if found[run.id] > run.token:
                    self.wrong(f"{_name(known, run)} has {found[run.id]} children of {run.token} attempts")


def miscounted(ledger: Ledger) -> Iterator[str]:
    """Indexes of a ledger that are not what a fresh one would hold."""
    fresh = Ledger(ledger.execution, ledger.outline, ledger.runs.values())
    for index in ("states", "outputs", "open_leaves", "open_flowables"):
        if getattr(ledger, index) != getattr(fresh, index):
            yield f"the index `{index}` is {getattr(ledger, index)}, a fresh one is {getattr(fresh, index)}"
    for parent in [None, *ledger.runs]:
        children = ledger.children(parent)
        for branch in {ledger.branch_of(child) for child in children}:
            counted = recount([child for child in children if ledger.branch_of(child) == branch])
            if ledger.tally(parent, branch).figures() != counted:
                yield f"the counters below {parent} in `{branch}`"
    ordinals = [run.ordinal for run in ledger.runs.values()]
    if ordinals != sorted(ordinals):
        yield "its runs are out of order"


def _name(known: Known, run: TaskRun) -> str:
    value = "" if run.value is None else f"[{run.value}]"
    return f"{known.execution.flow_id}.{run.task_id}{value} ({run.id} of {known.execution.id})"


def _text(moments: tuple[Moment, ...]) -> str:
    return " ".join(moment.state for moment in moments)


__all__ = ["Checker", "miscounted"]
