"""Which tasks of a document have run when a template is rendered (flow spec §5)."""

from __future__ import annotations

from typing import Any

from batuta.flows.document import Path

_RANK = {"tasks": 0, "errors": 1, "finally": 2, "afterExecution": 3}
_SIDE_BY_SIDE = (".Parallel", ".Dag", ".EachParallel")
_LOOPS = (".ForEach", ".EachSequential", ".EachParallel", ".LoopUntil", ".WaitFor", ".Loop")


class Order:
    """Where the tasks of a document stand."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        self._places: dict[str, Path] = {}
        self._find(data, ())

    def _find(self, value: Any, path: Path) -> None:
        if isinstance(value, list):
            for place, item in enumerate(value):
                self._find(item, (*path, place))
        elif isinstance(value, dict):
            if isinstance(value.get("type"), str) and value.get("id") is not None:
                self._places.setdefault(str(value["id"]), path)
            for name, item in value.items():
                self._find(item, (*path, name))

    def comes_later(self, task_id: str, path: Path) -> bool:
        """The task starts only after the template at `path` was rendered.

        False where the order is not certain: for tasks that run side by side, and inside of loops, where an
        earlier iteration may have run the task.
        """
        place = self._places.get(task_id)
        if place is None:
            return False
        shared = 0
        while shared < min(len(place), len(path)) and place[shared] == path[shared]:
            shared += 1
        if shared >= len(place) or shared >= len(path) or any(self._is_a(_LOOPS, path[:shared])):
            return False
        one, other = place[shared], path[shared]
        if isinstance(one, int) and isinstance(other, int):
            # Two tasks of one list; the list's owner says whether they run in order.
            return one > other and not self._owner_is_a(_SIDE_BY_SIDE, path[:shared])
        if isinstance(one, str) and isinstance(other, str) and one in _RANK and other in _RANK:
            return _RANK[one] > _RANK[other]
        return False

    def place_of(self, task_id: str) -> Path | None:
        """Where a task stands; None for one that is not there."""
        return self._places.get(task_id)

    def _is_a(self, kinds: tuple[str, ...], path: Path) -> list[bool]:
        """For each node on a path, whether it is a task of these kinds."""
        found = []
        node: Any = self._data
        for part in path:
            node = node[part]
            found.append(isinstance(node, dict) and str(node.get("type", "")).endswith(kinds))
        return found

    def _owner_is_a(self, kinds: tuple[str, ...], path: Path) -> bool:
        """The closest task around a list is of these kinds."""
        node: Any = self._data
        owner: Any = None
        for part in path:
            node = node[part]
            if isinstance(node, dict) and isinstance(node.get("type"), str):
                owner = node
        return owner is not None and str(owner["type"]).endswith(kinds)
