"""The flows that the bench runs: tasks that do nothing, in every arrangement."""

from __future__ import annotations

NAMESPACE = "bench"
_NOOP = "io.kestra.plugin.core.debug.Return"


def _flow(flow_id: str, tasks: str) -> str:
    return f"id: {flow_id}\nnamespace: {NAMESPACE}\ntasks:\n{tasks}"


def _noop(task_id: str, indent: str = "  ") -> str:
    return f'{indent}- id: {task_id}\n{indent}  type: {_NOOP}\n{indent}  format: "{{{{ taskrun.id }}}}"\n'


def one() -> str:
    """One task."""
    return _flow("one", _noop("a"))


def sequence(count: int) -> str:
    """Tasks one after the other."""
    return _flow(f"sequence-{count}", "".join(_noop(f"t{i}") for i in range(count)))


def parallel(count: int) -> str:
    """Tasks side by side."""
    children = "".join(_noop(f"t{i}", "      ") for i in range(count))
    return _flow(
        f"parallel-{count}",
        f"  - id: p\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n{children}",
    )


def foreach(count: int) -> str:
    """One task for each of many values."""
    return _flow(
        f"foreach-{count}",
        "  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n"
        f'    values: "{{{{ range(1, {count}) }}}}"\n    concurrencyLimit: 0\n    tasks:\n'
        + _noop("t", "      "),
    )


def scripts(count: int) -> str:
    """Python scripts one after the other."""
    tasks = "".join(
        f"  - id: s{i}\n    type: io.kestra.plugin.scripts.python.Script\n"
        "    taskRunner: {type: io.kestra.plugin.core.runner.Process}\n    script: print('hello')\n"
        for i in range(count)
    )
    return _flow(f"scripts-{count}", tasks)
