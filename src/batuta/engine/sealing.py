"""The rows of an execution without its secrets: every text that holds one is encrypted (stores spec §A14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from batuta.model import sealed
from batuta.model.execution import Execution, LoopItem, TaskRun
from batuta.model.labels import Label
from batuta.model.masking import Masker

_replace = msgspec.structs.replace


class Seal:
    """Closes rows against one set of secrets."""

    def __init__(self, masker: Masker, encrypt: sealed.Encrypt) -> None:
        self.mask = masker.mask
        self._holds = masker.holds
        self._encrypt = encrypt

    def value(self, value: Any) -> Any:
        """Plain data."""
        return sealed.sealed(value, self._holds, self._encrypt)

    def text(self, text: str) -> str:
        """A text in whose place no map can stand."""
        return sealed.sealed_text(text, self._holds, self._encrypt)

    def row(self, execution: Execution, kept: Iterable[str]) -> Execution:
        """The row of an execution, with the secrets themselves, encrypted, so that it knows them again."""
        changes = changed(
            execution,
            secrets=tuple(dict.fromkeys((*execution.secrets, *kept))),
            inputs=self.value(execution.inputs),
            outputs=self.value(execution.outputs),
            variables=self.value(execution.variables),
        )
        if any(self._holds(label.value) for label in execution.labels):
            changes["labels"] = tuple(Label(each.key, self.mask(each.value)) for each in execution.labels)
        if (trigger := execution.trigger) is not None:
            changes["trigger"] = _replace(trigger, variables=self.value(trigger.variables))
        if (loop := execution.loop) is not None:
            parents = tuple(self._item(each) for each in loop.parents)
            changes["loop"] = _replace(loop, item=self._item(loop.item), parents=parents)
        return _replace(execution, **changes)

    def run(self, run: TaskRun) -> TaskRun:
        """The row of a task run."""
        changes = changed(
            run,
            outputs=self.value(run.outputs),
            memo=self.value(run.memo),
            value=None if run.value is None else self.text(run.value),
        )
        return _replace(run, **changes) if changes else run

    def _item(self, item: LoopItem) -> LoopItem:
        return _replace(item, value=self.text(item.value))


def closed(execution: Execution, secrets: Iterable[str], encrypt: sealed.Encrypt | None) -> Execution:
    """The row of an execution that was just made from expressions which have seen secrets."""
    seen = [text for text in dict.fromkeys(secrets) if text]
    if not seen or encrypt is None:
        return execution
    return Seal(Masker(seen), encrypt).row(execution, [_kept(text, encrypt) for text in seen])


def opened_row(execution: Execution, decrypt: sealed.Decrypt) -> Execution:
    """The row in the clear; inputs stay as they are, for expressions open them."""
    changes = changed(
        execution,
        outputs=sealed.opened(execution.outputs, decrypt),
        variables=sealed.opened(execution.variables, decrypt),
    )
    if (trigger := execution.trigger) is not None:
        changes["trigger"] = _replace(trigger, variables=sealed.opened(trigger.variables, decrypt))
    if (loop := execution.loop) is not None:
        item, *parents = (
            _replace(each, value=sealed.opened(each.value, decrypt)) for each in (loop.item, *loop.parents)
        )
        changes["loop"] = _replace(loop, item=item, parents=tuple(parents))
    return _replace(execution, **changes)


def opened_run(run: TaskRun, decrypt: sealed.Decrypt) -> TaskRun:
    """The row of a task run in the clear."""
    changes = changed(
        run,
        outputs=sealed.opened(run.outputs, decrypt),
        memo=sealed.opened(run.memo, decrypt),
        value=sealed.opened(run.value, decrypt),
    )
    return _replace(run, **changes) if changes else run


def changed(row: Any, **values: Any) -> dict[str, Any]:
    """Those values that are not the row's own already."""
    return {name: value for name, value in values.items() if value is not getattr(row, name)}


def _kept(text: str, encrypt: sealed.Encrypt) -> str:
    return sealed.sealed_text(text, lambda _: True, encrypt)
