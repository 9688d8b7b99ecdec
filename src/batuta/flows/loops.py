"""How the outputs of a task inside of loops are addressed: by the values of the loops (flow spec §10)."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from batuta.flows import type_check
from batuta.flows.document import Path
from batuta.plugin import schema

_KEYED = (".ForEach", ".EachSequential", ".EachParallel")
_WITH_OUTPUTS = (".If", ".Switch", ".LoopUntil", ".WaitFor", ".Pause", ".Subflow")
"""Tasks that count among `parents` without a value of their own."""


class _Around(NamedTuple):
    """One task on the way to a place, outermost first."""

    path: Path
    task: dict[str, Any]

    @property
    def is_keyed(self) -> bool:
        """Its children run once for each of its values, and keep their outputs below the value."""
        return str(self.task.get("type", "")).endswith(_KEYED)


def complaint(data: dict[str, Any], place: Path, keys: tuple[str, ...], at: Path) -> tuple[str, str] | None:
    """What is wrong with `outputs.<task>.<keys>` in the template at `at`, and the mend; None when nothing is.

    Args:
        data: the flow.
        place: where the task stands whose outputs are read.
        keys: what follows the task's id, as far as it is literal.
        at: where the template stands.
    """
    task = _around(data, place)[-1].task
    loops = [each for each in _around(data, place)[:-1] if each.is_keyed]
    names = _outputs_of(task)
    for loop, key in zip(loops, keys, strict=False):
        if key in names and key not in _literal_values(loop.task):
            break
    else:
        return None
    id, rest = str(task["id"]), ".".join(keys[keys.index(key) :])
    message = f"the outputs of `{id}` are kept for each value of the loop `{loop.task['id']}`"
    readers = _around(data, at)
    if all(each in readers[:-1] for each in loops):
        return message, f"inside a loop write `{_inside(id, loops, readers, rest)}`"
    named = "".join(f"['{_a_value(each.task)}']" for each in loops)
    return message, f"outside of the loop say for which value: `outputs.{id}{named}.{rest}`"


def _around(data: dict[str, Any], path: Path) -> list[_Around]:
    """The tasks around a place, and the one that stands there or holds the property there."""
    found = []
    node: Any = data
    for depth, part in enumerate(path):
        node = node[part]
        if isinstance(node, dict) and isinstance(node.get("type"), str) and node.get("id") is not None:
            found.append(_Around(path[: depth + 1], node))
    return found


def _inside(id: str, loops: list[_Around], readers: list[_Around], rest: str) -> str:
    """The address by the values of the iteration that is under way."""
    own = [each for each in readers[:-1] if each.is_keyed]
    if len(loops) == 1 or len(own) > len(loops):
        return f"outputs.{id}{''.join(f'[{_value_of(loop, readers)}]' for loop in loops)}.{rest}"
    return f"currentEachOutput(outputs.{id}).{rest}"


def _value_of(loop: _Around, readers: list[_Around]) -> str:
    """The value of a loop's iteration as the innermost of `readers` sees it."""
    carrier = readers.index(loop) + 1
    if carrier == len(readers) - 1:
        return "taskrun.value"
    # `parents` holds the tasks around that have a value or outputs, the closest first.
    between = [
        place
        for place in range(carrier, len(readers) - 1)
        if readers[place - 1].is_keyed or str(readers[place].task["type"]).endswith(_WITH_OUTPUTS)
    ]
    steps = len(between) - 1
    return "parent.taskrun.value" if steps == 0 else f"parents[{steps}].taskrun.value"


def _outputs_of(task: dict[str, Any]) -> frozenset[str]:
    """The names of a task's outputs, where its type declares them."""
    try:
        found = type_check.resolve(str(task["type"]))
    except Exception:  # a border: what is wrong with the type is told where the flow is read
        return frozenset()
    output = schema.output_struct(found.cls) if found is not None and found.cls is not None else None
    if output is None:
        return frozenset()
    return frozenset(field.encode_name for field in msgspec.structs.fields(output))


def _literal_values(loop: dict[str, Any]) -> list[str]:
    values = loop.get("values", loop.get("value"))
    if isinstance(values, dict):
        return [str(key) for key in values]
    return [str(value) for value in values] if isinstance(values, list) else []


def _a_value(loop: dict[str, Any]) -> str:
    """A value of the loop for the sake of an example."""
    return next(
        (value for value in _literal_values(loop) if "'" not in value and "{" not in value), "a value"
    )
