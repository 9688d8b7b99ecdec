"""One execution in memory: its row, its task runs, and the indexes that make a step cost by what it changes.

A ledger is changed only through its own methods, by a `Draft`; each change can be undone, so that a step
which fails in the middle leaves the ledger as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from batuta.engine.outline import Outline
from batuta.engine.tally import NOTHING, Tally
from batuta.errors import Bug
from batuta.model import stored
from batuta.model.execution import Execution, TaskRun
from batuta.model.sealed import has_sealed
from batuta.model.state import TASK_RUN_TRANSITIONS, State

Undo = Callable[[], None]

_SHOWN_STATES = {state: {"state": state.value} for state in State}
"""What `tasks` shows of a run; one for all, since a loop may have very many."""


class Ledger:
    """An execution with all its task runs, indexed."""

    def __init__(
        self,
        execution: Execution,
        outline: Outline,
        runs: Iterable[TaskRun] = (),
        outer: Ledger | None = None,
    ) -> None:
        self.execution = execution
        self.outer = outer
        """The execution around an iteration of a Loop: its names are visible inside."""
        self.outline = outline
        self.homes = stored.homes(execution)
        """By what the marks of this execution's stored values are known."""
        self.inputs: dict[str, Any] = stored.revived(execution.inputs, self.homes)
        """What expressions see as `inputs`, secrets still encrypted."""
        self.holds_stored = stored.holds_stored(self.inputs)
        """A value that expressions see may be in storage."""
        self.forms: dict[str, Any] = {}
        """Run forms of flowables under way, by run id."""
        self.secrets: dict[str, str] = {}
        """What the execution has seen of secrets: in the clear, and sealed as its row keeps it."""
        self.parts: dict[str, dict[str, Any]] = {}
        """What runs keep beside their rows, by run id and name; see `Draft.keep_part`."""
        self.growing: set[str] = set()
        """Ids of loops that start more children in the next step."""
        self.complaints: set[str] = set()
        """What was logged once and shall not be logged again."""
        self._index(runs)

    def _index(self, runs: Iterable[TaskRun]) -> None:
        self.runs: dict[str, TaskRun] = {}
        """By id, in order of creation."""
        self.outputs: dict[str, Any] = {}
        """What expressions see as `outputs` (flow spec §10)."""
        self.states: dict[str, Any] = {}
        """What expressions see as `tasks`."""
        self.open_flowables: set[str] = set()
        """Ids of flowable runs that have not ended."""
        self.open_leaves: set[str] = set()
        """Ids of all other runs that have not ended."""
        self._state_owners: dict[tuple[str, str | None], int] = {}
        self._tallies: dict[tuple[str | None, str], Tally] = {}
        self._by_name: dict[tuple[str | None, str, str | None], str] = {}
        self._children: dict[str | None, list[str]] = {}
        self._started: dict[tuple[str | None, str], int] = {}
        for run in runs:
            self.put(run)

    # Reading

    def seen_secrets(self) -> list[str]:
        """The secrets that this execution has seen, and those around it where it is an iteration."""
        return [*self.secrets, *(() if self.outer is None else self.outer.seen_secrets())]

    @cached_property
    def has_sealed_inputs(self) -> bool:
        """Some of the inputs are encrypted. They never change."""
        return has_sealed(self.execution.inputs)

    def run(self, run_id: str) -> TaskRun | None:
        """A task run by id."""
        return self.runs.get(run_id)

    def tally(self, parent_id: str | None, branch: str) -> Tally:
        """The counted view of one list of children; not to be kept."""
        return self._tallies.get((parent_id, branch), NOTHING)

    def child(self, parent_id: str | None, task_id: str, value: str | None = None) -> TaskRun | None:
        """The run of a task below a parent, for one value of a loop."""
        run_id = self._by_name.get((parent_id, task_id, value))
        return None if run_id is None else self.runs[run_id]

    def started(self, parent_id: str | None, task_id: str) -> int:
        """How many runs of a task there are below a parent, over all values of a loop."""
        return self._started.get((parent_id, task_id), 0)

    def children(self, parent_id: str | None) -> list[TaskRun]:
        """All runs directly below a parent, in order."""
        return [self.runs[run_id] for run_id in self._children.get(parent_id, ())]

    def flowables_under_way(self) -> list[str]:
        """Ids of flowable runs that have not ended, in order of creation."""
        return self._in_order(self.open_flowables)

    def leaves_under_way(self) -> list[str]:
        """Ids of all other runs that have not ended, in order of creation."""
        return self._in_order(self.open_leaves)

    def _in_order(self, run_ids: set[str]) -> list[str]:
        # The order of a set depends on the process: the same events would not give the same history.
        return sorted(run_ids, key=lambda run_id: self.runs[run_id].ordinal)

    def below(self, run_id: str) -> Iterator[TaskRun]:
        """All runs below a run, parents first."""
        for child in self.children(run_id):
            yield child
            yield from self.below(child.id)

    def ancestors(self, run: TaskRun) -> Iterator[TaskRun]:
        """The runs around a run, closest first."""
        while run.parent_id is not None:
            run = self.runs[run.parent_id]
            yield run

    def branch_of(self, run: TaskRun) -> str:
        """The name of the list in which the run's task stands; `tasks` for one that this revision lacks."""
        place = self.outline.places.get(run.task_id)
        return place.branch if place else "tasks"

    # Changing

    def put(self, run: TaskRun) -> Undo:
        """Add or replace a run; gives what undoes it."""
        old = self.runs.get(run.id)
        branch = self.branch_of(run)
        key = (run.parent_id, branch)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        state = run.state.current
        if old is None:
            before = tally.last_id
            name = (run.parent_id, run.task_id, run.value)
            shadowed = self._by_name.get(name)
            tally.total += 1
            tally.last_id = run.id
            self._by_name[name] = run.id
            self._children.setdefault(run.parent_id, []).append(run.id)
            self._started[run.parent_id, run.task_id] = self._started.get((run.parent_id, run.task_id), 0) + 1
        else:
            if state is not old.state.current and state not in TASK_RUN_TRANSITIONS[old.state.current]:
                raise Bug(
                    f"a task run cannot go from {old.state.current} to {state}",
                    where=f"{run.task_id} {run.id}",
                )
            tally.count(old.state.current, -1)
        tally.count(state, 1)
        self.runs[run.id] = run
        self._watch(run)
        undo_withdrawal = self._withdraw(run, old)
        undo_outputs = self._publish(run, old)

        def undo() -> None:
            undo_outputs()
            undo_withdrawal()
            tally.count(state, -1)
            if old is None:
                tally.total -= 1
                tally.last_id = before
                if shadowed is None:
                    del self._by_name[name]
                else:
                    self._by_name[name] = shadowed
                self._children[run.parent_id].pop()
                self._started[run.parent_id, run.task_id] -= 1
                del self.runs[run.id]
                self.open_flowables.discard(run.id)
                self.open_leaves.discard(run.id)
            else:
                tally.count(old.state.current, 1)
                self.runs[run.id] = old
                self._watch(old)

        return undo

    def _watch(self, run: TaskRun) -> None:
        group = self.open_flowables if run.memo is not None else self.open_leaves
        other = self.open_leaves if run.memo is not None else self.open_flowables
        other.discard(run.id)
        if run.is_ended:
            group.discard(run.id)
        else:
            group.add(run.id)

    def remove(self, run_ids: Iterable[str]) -> Undo:
        """Take runs out, as a restart does, and build the indexes anew; gives what undoes it."""
        before = dict(self.runs)
        gone = set(run_ids)
        self.reindex(run for run in before.values() if run.id not in gone)
        return lambda: self.reindex(before.values())

    def reindex(self, runs: Iterable[TaskRun] | None = None) -> None:
        """Build the indexes anew, of these runs or of the present ones."""
        self._index(sorted(self.runs.values() if runs is None else runs, key=lambda run: run.ordinal))
        self.forms = {run_id: form for run_id, form in self.forms.items() if run_id in self.runs}

    def replace_execution(self, execution: Execution) -> Undo:
        """Exchange the execution's row; gives what undoes it."""
        before, inputs = self.execution, self.inputs
        self.execution = execution
        if execution.inputs is not before.inputs or execution.outputs is not before.outputs:
            self.inputs = stored.revived(execution.inputs, self.homes)
            self.holds_stored |= stored.holds_stored(self.inputs) or bool(stored.marks(execution.outputs))

        def undo() -> None:
            self.execution, self.inputs = before, inputs

        return undo

    def _publish(self, run: TaskRun, old: TaskRun | None) -> Undo:
        """Show a run's state and outputs to expressions."""
        undo_state = self._publish_state(run)
        if run.outputs is None or (old is not None and run.outputs is old.outputs):
            return undo_state
        outputs = stored.revived(run.outputs, self.homes)
        # What a run gave is seldom in storage, and then another object than what the row keeps.
        self.holds_stored |= outputs is not run.outputs
        undo_outputs = self._publish_outputs(run, outputs)

        def undo() -> None:
            undo_outputs()
            undo_state()

        return undo

    def _publish_state(self, run: TaskRun) -> Undo:
        """Of several runs with one name, as inside loops around an If, the latest one is seen."""
        name = (run.task_id, run.value)
        owner = self._state_owners.get(name)
        if owner is not None and owner > run.ordinal:
            return _nothing
        if run.value is None:
            states, key = self.states, run.task_id
        else:
            states, key = self.states.setdefault(run.task_id, {}), run.value
        before = states.get(key)
        states[key] = _SHOWN_STATES[run.state.current]
        self._state_owners[name] = run.ordinal

        def undo() -> None:
            if before is None or owner is None:
                states.pop(key, None)
                self._state_owners.pop(name, None)
            else:
                states[key] = before
                self._state_owners[name] = owner

        return undo

    def _publish_outputs(self, run: TaskRun, outputs: dict[str, Any]) -> Undo:
        holder: dict[str, Any] = self.outputs
        *parents, leaf = (run.task_id, *self.value_path(run))
        for part in parents:
            below = holder.get(part)
            if not isinstance(below, dict):
                below = holder[part] = {}
            holder = below
        before = holder.get(leaf)
        # Nobody changes outputs in place, so what the run holds may be shown as it is.
        holder[leaf] = {**before, **outputs} if isinstance(before, dict) else outputs

        def undo() -> None:
            if before is None:
                holder.pop(leaf, None)
            else:
                holder[leaf] = before

        return undo

    def _withdraw(self, run: TaskRun, old: TaskRun | None) -> Undo:
        """Show those outputs no more that a run had and has lost, as when its subflow begins anew."""
        if old is None or not old.outputs or old.outputs is run.outputs:
            return _nothing
        lost = old.outputs.keys() - (run.outputs or {}).keys()
        holder: Any = self.outputs
        *parents, leaf = (run.task_id, *self.value_path(run))
        for part in parents:
            holder = holder.get(part) if isinstance(holder, dict) else None
        before = holder.get(leaf) if lost and isinstance(holder, dict) else None
        if not isinstance(before, dict):
            return _nothing
        # What is shown may be what the run holds, so it is not changed in place.
        holder[leaf] = {name: value for name, value in before.items() if name not in lost}

        def undo() -> None:
            holder[leaf] = before

        return undo

    def value_path(self, run: TaskRun) -> list[str]:
        """The values of the loops around a run, outermost first, and its own last (flow spec §10)."""
        values = [ancestor.value for ancestor in self.ancestors(run) if ancestor.value is not None]
        values.reverse()
        if run.value is not None:
            values.append(run.value)
        return values


def _nothing() -> None:
    """Undo of a change that was none."""
