"""Functions that read the variables of an execution, and those that need no outside value."""

from __future__ import annotations

from typing import Any

from batuta.expr.catalogue import function
from batuta.expr.errors import ArgumentError, EvaluationError
from batuta.expr.kinds import is_number
from batuta.expr.printing import plain_text
from batuta.expr.run import Run

_IV_BYTES = 12


@function("fileURI")
def file_uri(run: Run, path: Any, namespace: Any = None, version: Any = None) -> Any:
    """The address of a namespace file, or of an older version of it.

    {{ fileURI('a/b.txt', 'my.team') }} -> kestra:///my/team/_files/a/b.txt
    """
    if not isinstance(path, str):
        raise ArgumentError("`fileURI` expects a text as 'path'", seen=[path])
    owner = namespace
    if owner is None:
        flow = run.lookup("flow")
        owner = flow.get("namespace") if isinstance(flow, dict) else None
    if not isinstance(owner, str) or not owner:
        raise EvaluationError("`fileURI` needs a namespace", seen=[owner])
    inner = path.removeprefix("/")
    if ".." in inner.replace("\\", "/").split("/") or ".." in owner:
        raise EvaluationError("A path must stay inside its namespace", seen=[path])
    if version is not None:
        if not is_number(version) or version != int(version) or version < 1:
            raise ArgumentError("`fileURI` expects a number from 1 as 'version'", seen=[version])
        return run.fact("fileVersion", inner, owner, int(version))
    return f"kestra:///{owner.replace('.', '/')}/_files/{inner}"


@function("env")
def env(run: Run, name: Any, default: Any = None) -> Any:
    """A variable of the server's environment; `default` when it is absent or empty.

    {{ env('MISSING', 'none') }} -> none
    """
    if not isinstance(name, str):
        raise ArgumentError("`env` expects a text as 'name'", seen=[name])
    known = run.lookup("envs")
    value = known.get(name) if isinstance(known, dict) else None
    return default if value is None or value == "" else value


def _key(key: Any, name: str) -> bytes:
    from base64 import b64decode

    if not isinstance(key, str):
        raise ArgumentError(f"`{name}` expects a text as 'key'", seen=["a value that is no text"])
    try:
        found = b64decode(key, validate=True)
    except ValueError:
        raise EvaluationError(f"The key of `{name}` is not base 64") from None
    if len(found) not in (16, 24, 32):
        raise EvaluationError(f"The key of `{name}` must have 16, 24 or 32 bytes")
    return found


@function("encrypt")
def encrypt(run: Run, key: Any, plaintext: Any) -> str:
    """The text encrypted with AES-GCM and a key in base 64; a random beginning makes every result different.

    {% set k = 'MDEyMzQ1Njc4OWFiY2RlZg==' %}{{ decrypt(k, encrypt(k, 'x')) }} -> x
    """
    from base64 import b64encode

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not isinstance(plaintext, str):
        raise ArgumentError("`encrypt` expects a text as 'plaintext'", seen=["a value that is no text"])
    iv = run.random().randbytes(_IV_BYTES)
    sealed = AESGCM(_key(key, "encrypt")).encrypt(iv, plaintext.encode("utf-8", "replace"), None)
    return b64encode(iv + sealed).decode()


@function("decrypt")
def decrypt(key: Any, encrypted: Any) -> str:
    """The text that `encrypt` was given.

    {% set k = 'MDEyMzQ1Njc4OWFiY2RlZg==' %}{{ decrypt(k, encrypt(k, 'x')) }} -> x
    """
    from base64 import b64decode

    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not isinstance(encrypted, str):
        raise ArgumentError("`decrypt` expects a text as 'encrypted'", seen=["a value that is no text"])
    cipher = AESGCM(_key(key, "decrypt"))
    try:
        sealed = b64decode(encrypted, validate=True)
        return cipher.decrypt(sealed[:_IV_BYTES], sealed[_IV_BYTES:], None).decode("utf-8", "replace")
    except (ValueError, InvalidTag):
        raise EvaluationError("The text was not encrypted with this key") from None


@function("tasksWithState")
def tasks_with_state(run: Run, state: Any) -> list[dict[str, Any]]:
    """The task runs in a state: maps of `taskId`, `state`, and `value` for iterations.

    {% for t in tasksWithState('FAILED') %}{{ t.taskId }}{% endfor %} ->
    """
    if state is None:
        raise ArgumentError("The function `tasksWithState` expects an argument 'state'")
    wanted = plain_text(state).upper()
    tasks = run.lookup("tasks")
    found: list[dict[str, Any]] = []
    for task_id, entry in (tasks if isinstance(tasks, dict) else {}).items():
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("state"), str):
            if entry["state"].upper() == wanted:
                found.append({"taskId": task_id, "state": wanted})
            continue
        for value, iteration in entry.items():
            is_match = isinstance(iteration, dict) and isinstance(iteration.get("state"), str)
            if is_match and iteration["state"].upper() == wanted:
                found.append({"taskId": task_id, "state": wanted, "value": value})
    return found


@function("loopOutputs")
def loop_outputs(outputs: Any, name: Any) -> list[Any]:
    """One output of every iteration of a loop; null where an iteration has none.

    {{ loopOutputs([{'outputs': {'r': 1}}, {'outputs': {'r': 2}}], 'r') }} -> [1,2]
    """
    if not isinstance(outputs, list):
        raise ArgumentError("`loopOutputs` expects a list as 'outputs'", expected="List", seen=[outputs])
    if not isinstance(name, str):
        raise ArgumentError("`loopOutputs` expects a text as 'name'", expected="String", seen=[name])
    found = []
    for iteration in outputs:
        values = iteration.get("outputs") if isinstance(iteration, dict) else None
        found.append(values.get(name) if isinstance(values, dict) else None)
    return found


def _task_run_value(variables: Any) -> Any:
    task_run = variables.get("taskrun") if isinstance(variables, dict) else None
    return task_run.get("value") if isinstance(task_run, dict) else None


def _step(outputs: Any, value: Any) -> Any:
    if not isinstance(outputs, dict) or plain_text(value) not in outputs:
        raise EvaluationError("There are no outputs for this iteration", seen=[value])
    return outputs[plain_text(value)]


@function("currentEachOutput")
def current_each_output(run: Run, outputs: Any) -> Any:
    """The outputs of a sibling task in the present iteration, through all loops around it."""
    if not isinstance(outputs, dict):
        raise ArgumentError("`currentEachOutput` expects a map as 'outputs'", expected="Map", seen=[outputs])
    parents = run.lookup("parents")
    for parent in reversed(parents if isinstance(parents, list) else []):
        value = _task_run_value(parent)
        if value is not None:
            outputs = _step(outputs, value)
    task_run = run.lookup("taskrun")
    value = task_run.get("value") if isinstance(task_run, dict) else None
    return outputs if value is None else _step(outputs, value)


@function("iterationOutput")
def iteration_output(run: Run, task_id: Any = None, iteration: Any = None) -> Any:
    """The `value` of a task in one iteration of the loop around; the previous one when none is given."""
    task_run, task, outputs = run.lookup("taskrun"), run.lookup("task"), run.lookup("outputs")
    position = task_run.get("iteration") if isinstance(task_run, dict) else None
    if position is None and iteration is None:
        raise EvaluationError("`iterationOutput` is for tasks inside an iteration")
    wanted = int(str(position)) - 1 if iteration is None else iteration
    name = task_id if task_id is not None else task.get("id") if isinstance(task, dict) else None
    iterations = outputs.get(name) if isinstance(outputs, dict) else None
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not isinstance(iterations, (dict, list)):
        raise EvaluationError("There is no such iteration", seen=[name, wanted])
    found = list(iterations.values()) if isinstance(iterations, dict) else iterations
    if not 0 <= wanted < len(found):
        raise EvaluationError(f"The iteration must be between 0 and {len(found) - 1}", seen=[wanted])
    outcome = found[wanted]
    return outcome.get("value") if isinstance(outcome, dict) else outcome


@function("parentOutput")
def parent_output(run: Run, index: Any = 0) -> Any:
    """The outputs of the task around this one, or of an ancestor: 0 is the direct one."""
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise EvaluationError("`index` of `parentOutput` must be an integer from 0", seen=[index])
    parents = run.lookup("parents")
    chain = parents if isinstance(parents, list) else []
    if index == 0 and not chain:
        chain = [run.lookup("parent")]
    ancestor = chain[index] if index < len(chain) else None
    task = ancestor.get("task") if isinstance(ancestor, dict) else None
    if not isinstance(task, dict):
        raise EvaluationError("There is no such parent task", seen=[index])
    outputs = run.lookup("outputs")
    found = outputs.get(task.get("id")) if isinstance(outputs, dict) else None
    value = _task_run_value(ancestor)
    return found if value is None or not isinstance(found, dict) else _step(found, value)
