"""What a run that starts many executions keeps beside its row (flow spec §6.8, §6.9).

The elements in order, which executions have ended, which of them failed, and what each one gave: an end costs
the same whether there are ten of them or a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from batuta.engine.draft import Draft
from batuta.model.execution import LoopItem, TaskRun

_ITEMS = "items"
"""The elements, in order."""
_COUNTED = "counted:"
"""Which of a thousand executions have ended, one bit each."""
_FAILED = "failed:"
"""The id of an execution that failed or was killed. All other parts are results, by order of completion."""
_BITS = 1_024


def keep_items(draft: Draft, run: TaskRun, items: list[LoopItem]) -> None:
    """Begin with these elements; what is left of earlier ones is forgotten."""
    draft.drop_parts(run)
    draft.keep_part(run, _ITEMS, msgspec.to_builtins(items))


def items(draft: Draft, run: TaskRun) -> list[dict[str, Any]]:
    """The elements."""
    found: list[dict[str, Any]] = draft.ledger.parts[run.id][_ITEMS]
    return found


def count(draft: Draft, run: TaskRun, indices: Iterable[int]) -> None:
    """Note that the executions of these elements have ended."""
    blocks: dict[int, int] = {}
    for index in indices:
        blocks[index // _BITS] = blocks.get(index // _BITS, 0) | 1 << index % _BITS
    for block, bits in blocks.items():
        draft.keep_part(run, f"{_COUNTED}{block}", f"{_bits(draft, run, block) | bits:x}")


def is_counted(draft: Draft, run: TaskRun, index: int) -> bool:
    """The execution of this element has ended."""
    return bool(_bits(draft, run, index // _BITS) >> index % _BITS & 1)


def _bits(draft: Draft, run: TaskRun, block: int) -> int:
    return int(draft.ledger.parts.get(run.id, {}).get(f"{_COUNTED}{block}", "0"), 16)


def keep_failed(draft: Draft, run: TaskRun, index: int, child_id: str) -> None:
    """Note which execution failed; the empty text for one that could not be made."""
    draft.keep_part(run, f"{_FAILED}{index}", child_id)


def failed(draft: Draft, run: TaskRun) -> dict[str, str]:
    """The executions that failed, by the index of their element as text."""
    parts = draft.ledger.parts.get(run.id, {})
    return {name.removeprefix(_FAILED): value for name, value in parts.items() if name.startswith(_FAILED)}


def keep_result(draft: Draft, run: TaskRun, order: int, index: int, outputs: dict[str, Any]) -> None:
    """Keep what the execution of an element gave."""
    item = items(draft, run)[index]
    told = {"value": item["value"], "iteration": index, **({"key": item["key"]} if "key" in item else {})}
    draft.keep_part(run, f"{order:012}", {"item": told, "outputs": outputs})


def results(draft: Draft, run: TaskRun) -> list[dict[str, Any]]:
    """What the executions gave, in order of completion."""
    return [value for name, value in draft.ledger.parts.get(run.id, {}).items() if name[0].isdigit()]
