"""Keeps secrets out of the rows that the executor writes (stores spec §A14).

A ledger holds everything in the clear and knows which secrets the execution has seen: those that its
expressions asked for, its inputs of type SECRET, and those that workers and children tell of. On the way to
the store every text that holds one of them is encrypted, and log lines are masked; on the way back it is
opened. So rules and expressions need not know, and nobody finds a secret in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import msgspec

from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.draft import Step
from batuta.engine.ledger import Ledger
from batuta.engine.sealing import Seal, opened_row, opened_run
from batuta.engine.secret_inputs import revealed, secret_values
from batuta.engine.world import World
from batuta.errors import BatutaError
from batuta.model import sealed
from batuta.model.execution import Execution, TaskRun
from batuta.model.masking import MASK, Masker
from batuta.secrets.cipher import Cipher

MOST_KEPT = 256
"""Executions that have seen a secret whose patterns are kept."""

log = logging.getLogger(__name__)

_replace = msgspec.structs.replace


class Seals:
    """Closes what goes to the store, and opens what comes from there."""

    def __init__(self, cipher: Cipher, world: World) -> None:
        self._cipher = cipher
        self._world = world
        self._known: dict[str, tuple[int, Masker, Seal]] = {}

    # What an execution has seen

    def learn(self, ledger: Ledger, texts: Iterable[str]) -> None:
        """The execution has seen these secrets."""
        for text in texts:
            if text and text not in ledger.secrets:
                ledger.secrets[text] = sealed.sealed_text(text, _always, self._encrypt)

    def adopt(self, ledger: Ledger) -> None:
        """Take in what the row of an execution that was read or made tells of secrets."""
        execution = ledger.execution
        self._recall(ledger, execution.secrets)
        if ledger.outline.has_secret_inputs and ledger.has_sealed_inputs and execution.loop is None:
            try:
                inputs = revealed(execution.inputs, self._world)
            except BatutaError:
                # Whoever uses the input is told; see `Cipher.decrypt`.
                return
            self.learn(ledger, secret_values(ledger.outline.flow, inputs))

    def masker(self, ledger: Ledger) -> Masker | None:
        """Masks what an execution has seen of secrets; None when that is nothing."""
        found = self._found(ledger)
        return None if found is None else found[1]

    def _found(self, ledger: Ledger) -> tuple[int, Masker, Seal] | None:
        seen = ledger.seen_secrets()
        if not seen:
            return None
        known = self._known.get(ledger.execution.id)
        if known is None or known[0] != len(seen):
            if len(self._known) >= MOST_KEPT:
                self._known.pop(next(iter(self._known)))
            masker = Masker(seen)
            known = self._known[ledger.execution.id] = (len(seen), masker, Seal(masker, self._encrypt))
        return known

    def _recall(self, ledger: Ledger, kept: Iterable[str]) -> None:
        for each in kept:
            text = sealed.opened(each, self._decrypt)
            if not sealed.is_sealed_text(text):
                ledger.secrets.setdefault(text, each)

    # On the way in

    def opened(self, execution: Execution, runs: list[TaskRun]) -> tuple[Execution, list[TaskRun]]:
        """Rows of the store in the clear."""
        if not execution.secrets:
            return execution, runs
        return opened_row(execution, self._decrypt), [opened_run(run, self._decrypt) for run in runs]

    def opened_value(self, value: Any) -> Any:
        """Plain data of the store in the clear."""
        return sealed.opened(value, self._decrypt)

    def event(self, event: on.AnyEvent, ledger: Ledger) -> on.AnyEvent:
        """An event in the clear; what it tells of secrets is known from now on."""
        match event:
            case on.TaskRunFinished() | on.ChildRunReported() | on.SubflowEnded() if event.secrets:
                self._recall(ledger, event.secrets)
                return _replace(event, outputs=sealed.opened(event.outputs, self._decrypt))
            case on.ResumeRequested() if sealed.has_sealed(event.inputs):
                inputs = sealed.opened(event.inputs, self._decrypt)
                self.learn(ledger, sealed.texts(event.inputs, inputs))
                return _replace(event, inputs=inputs)
        return event

    # On the way out

    def step(self, step: Step, ledger: Ledger) -> Step:
        """A step as it may be written and told."""
        found = self._found(ledger)
        if found is None:
            return step
        seal = found[2]
        execution, kept = step.execution, tuple(ledger.secrets.values())
        if kept != ledger.execution.secrets:
            ledger.replace_execution(_replace(ledger.execution, secrets=kept))
            execution = ledger.execution
        return Step(
            execution=None if execution is None else seal.row(execution, kept),
            task_runs=tuple(seal.run(run) for run in step.task_runs),
            removed=step.removed,
            commands=tuple(_closed_command(command, seal) for command in step.commands),
            parts={key: seal.value(value) for key, value in step.parts.items()},
            dropped_parts=step.dropped_parts,
        )

    def row(self, execution: Execution, ledger: Ledger) -> Execution:
        """The row of an execution as it may be written, with what a ledger has seen of secrets."""
        found = self._found(ledger)
        return execution if found is None else found[2].row(execution, ledger.secrets.values())

    def run(self, run: TaskRun, ledger: Ledger) -> TaskRun:
        """The row of a task run as it may be written."""
        found = self._found(ledger)
        return run if found is None else found[2].run(run)

    def finished(self, event: on.TaskRunFinished, ledger: Ledger) -> on.TaskRunFinished:
        """The end of an attempt that was made here, as a worker would tell it."""
        outputs, secrets = self.told(event.outputs, ledger)
        return _replace(event, outputs=outputs, secrets=secrets) if secrets else event

    def told(self, outputs: dict[str, Any] | None, ledger: Ledger) -> tuple[Any, tuple[str, ...]]:
        """Outputs that others are told of, and the secrets that go with them."""
        found = self._found(ledger)
        return (outputs, ()) if found is None else (found[2].value(outputs), tuple(ledger.secrets.values()))

    # The cipher, which may have the wrong key

    def _encrypt(self, text: str) -> Any:
        try:
            return self._cipher.encrypt(text)
        except BatutaError as error:
            log.error("a value that holds a secret is not kept, for it cannot be encrypted: %s", error)
            return MASK

    def _decrypt(self, value: dict[str, Any]) -> Any:
        try:
            return self._cipher.decrypt(value)
        except BatutaError as error:
            log.error("a value that holds a secret cannot be read: %s", error)
            return value


def _closed_command(command: do.AnyCommand, seal: Seal) -> do.AnyCommand:
    match command:
        case do.WriteLog():
            return _replace(command, message=seal.mask(command.message))
        case do.StoreRows():
            return _replace(command, rows=seal.value(command.rows))
    return command


def _always(_: str) -> bool:
    return True
