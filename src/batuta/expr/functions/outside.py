"""Functions that read something outside. Each asks for a fact; see `facts`."""

from __future__ import annotations

from typing import Any

from batuta.expr.budget import Nodes
from batuta.expr.catalogue import function
from batuta.expr.errors import ArgumentError, EvaluationError
from batuta.expr.kinds import is_number
from batuta.expr.printing import plain, plain_text
from batuta.expr.run import Run


def _required(value: Any, name: str, argument: str) -> str:
    if value is None:
        raise ArgumentError(f"The function `{name}` expects an argument '{argument}'")
    if isinstance(value, str):
        return str(value)
    raise ArgumentError(f"`{name}` expects a text as '{argument}'", expected="String", seen=[value])


def _optional(value: Any, name: str, argument: str) -> str | None:
    return None if value is None else _required(value, name, argument)


def hashable(value: Any, level: int = 0, nodes: Nodes | None = None) -> Any:
    """An argument of a fact: maps as sorted tuples of pairs, lists as tuples."""
    nodes = nodes or Nodes()
    if isinstance(value, (list, dict)):
        nodes.take(len(value), level)
    if isinstance(value, dict):
        return tuple(
            sorted((plain_text(key), hashable(item, level + 1, nodes)) for key, item in value.items())
        )
    if isinstance(value, list):
        return tuple(hashable(item, level + 1, nodes) for item in value)
    return plain(value)


@function("secret")
def secret(run: Run, key: Any, namespace: Any = None, subkey: Any = None) -> Any:
    """A secret of the flow's namespace or of another; `subkey` picks a field of a secret that is JSON."""
    return run.fact(
        "secret",
        _required(key, "secret", "key"),
        _optional(namespace, "secret", "namespace"),
        _optional(subkey, "secret", "subkey"),
    )


@function("kv")
def kv(run: Run, key: Any, namespace: Any = None, error_on_missing: Any = True) -> Any:
    """A value of the key-value store of the flow's namespace, its parents, or another namespace."""
    if not isinstance(error_on_missing, bool):
        raise ArgumentError("`kv` expects a boolean as 'errorOnMissing'", seen=[error_on_missing])
    return run.fact(
        "kv", _required(key, "kv", "key"), _optional(namespace, "kv", "namespace"), error_on_missing
    )


def _file(run: Run, name: str, path: Any, namespace: Any, version: Any) -> Any:
    """A fact about a file; one of its versions is named only where it is asked for."""
    if version is not None and (not is_number(version) or version != int(version) or version < 1):
        raise ArgumentError(f"`{name}` expects a number from 1 as 'version'", seen=[version])
    of = (_required(path, name, "path"), _optional(namespace, name, "namespace"))
    return run.fact(name, *of) if version is None else run.fact(name, *of, int(version))


@function("read")
def read(run: Run, path: Any, namespace: Any = None, version: Any = None) -> Any:
    """The text of a namespace file, or of an older version of it, or of a file in internal storage."""
    return _file(run, "read", path, namespace, version)


@function("fileSize")
def file_size(run: Run, path: Any, namespace: Any = None, version: Any = None) -> Any:
    """The bytes that a file has."""
    return _file(run, "fileSize", path, namespace, version)


@function("fileExists")
def file_exists(run: Run, path: Any, namespace: Any = None, version: Any = None) -> Any:
    """Whether a file exists."""
    return _file(run, "fileExists", path, namespace, version)


@function("isFileEmpty", "fileEmpty")
def is_file_empty(run: Run, path: Any, namespace: Any = None, version: Any = None) -> Any:
    """Whether a file has no bytes."""
    return _file(run, "isFileEmpty", path, namespace, version)


@function("http")
def http(
    run: Run,
    uri: Any,
    method: Any = "GET",
    query: Any = None,
    body: Any = None,
    content_type: Any = "application/json",
    headers: Any = None,
    options: Any = None,
    accept: Any = "application/json",
) -> Any:
    """The body of the answer to an HTTP request, parsed by its content type."""
    return run.fact(
        "http",
        _required(uri, "http", "uri"),
        _required(method, "http", "method").upper(),
        hashable(query),
        hashable(body),
        _optional(content_type, "http", "contentType"),
        hashable(headers),
        hashable(options),
        _optional(accept, "http", "accept"),
    )


@function("errorLogs")
def error_logs(run: Run) -> Any:
    """The error log entries of the execution."""
    return run.fact("errorLogs")


@function("randomPort")
def random_port(run: Run) -> Any:
    """A local TCP port that is free at present."""
    return run.fact("randomPort")


@function("subflow")
def subflow(
    run: Run,
    namespace: Any,
    id: Any,
    inputs: Any = None,
    revision: Any = None,
    labels: Any = None,
    timeout: Any = None,
) -> Any:
    """Run a flow while inputs are rendered, and give its id, state, outputs and labels."""
    if revision is not None and not is_number(revision):
        raise ArgumentError("`subflow` expects a number as 'revision'", seen=[revision])
    return run.fact(
        "subflow",
        _required(namespace, "subflow", "namespace"),
        _required(id, "subflow", "id"),
        hashable(inputs),
        hashable(revision),
        hashable(labels),
        _optional(timeout, "subflow", "timeout"),
    )


@function("credential")
def credential(key: Any = None) -> Any:
    """Not supported."""
    raise EvaluationError("`credential` is not supported")


@function("appLink")
def app_link(app_id: Any = None, base_url: Any = None) -> Any:
    """Not supported."""
    raise EvaluationError("`appLink` is not supported")
