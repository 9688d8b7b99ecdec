"""Names of stored files: builds and reads `kestra:///` URIs (stores spec §A17.1). Pure.

The path of a URI is taken as it is written; nothing in it is percent-encoded. Prefixes end with a slash.
"""

from __future__ import annotations

import re
import unicodedata

from batuta.errors import InvalidRequest
from batuta.paths import checked_namespace, checked_parts
from batuta.paths import slugify as slugify
from batuta.storage.port import SCHEME

ROOT = f"{SCHEME}:///"
NAMESPACE_SCHEME = "nsfile"
VERSIONS = ".versions"
"""Folder of the versions of a file: no version can be in the way of another file."""

_EXECUTION = re.compile(
    r"(?P<namespace>.+?)/(?P<flow>[^/]+)/executions/(?P<execution>[^/]+)/(?:tasks|inputs|trigger|values)/."
)
_NAMESPACE = re.compile(r"(?P<namespace>.+?)/(?P<kind>_files|_kv)/.")
_MARK = re.compile(r"[^\w.+@=,()-]+")


def namespace_root(namespace: str) -> str:
    """Prefix of everything that belongs to a namespace, and of everything of its children.

    Raises:
        InvalidRequest: it is no namespace.
    """
    return f"{ROOT}{checked_namespace(namespace).replace('.', '/')}/"


def execution(namespace: str, flow_id: str, execution_id: str) -> str:
    """Prefix of all files of an execution."""
    return f"{namespace_root(namespace)}{slugify(flow_id)}/executions/{execution_id}/"


def task_file(
    namespace: str, flow_id: str, execution_id: str, task_id: str, task_run_id: str, name: str
) -> str:
    """A file that a task run wrote."""
    return f"{execution(namespace, flow_id, execution_id)}tasks/{slugify(task_id)}/{task_run_id}/{name}"


def input_file(namespace: str, flow_id: str, execution_id: str, input_id: str, name: str) -> str:
    """A file that was given as an input."""
    return f"{execution(namespace, flow_id, execution_id)}inputs/{input_id}/{name}"


def value_file(namespace: str, flow_id: str, execution_id: str, place: str, name: str) -> str:
    """An input or output that is too large for a row; `place` tells two values of one name apart."""
    return f"{execution(namespace, flow_id, execution_id)}values/{place}-{file_name(name)}.json"


def namespace_file(namespace: str, path: str) -> str:
    """A file of a namespace; the prefix of all of them for an empty path."""
    return f"{namespace_root(namespace)}_files/{path.lstrip('/')}"


def namespace_file_versions(namespace: str, path: str = "") -> str:
    """Prefix of the older versions of a namespace file; of those of all files for an empty path."""
    prefix = f"{namespace_root(namespace)}_file_versions/"
    return f"{prefix}{path}/{VERSIONS}/" if path else prefix


def namespace_folders(namespace: str, path: str = "") -> str:
    """Prefix of the markers of folders that were made on purpose."""
    prefix = f"{namespace_root(namespace)}_file_folders/"
    return f"{prefix}{path}/" if path else prefix


def cache(namespace: str, flow_id: str, identity: str) -> str:
    """The archive in which a task keeps a folder from one execution to the next."""
    return f"{namespace_root(namespace)}{slugify(flow_id)}/{slugify(identity)}/cache/cache.zip"


def file_name(given: str) -> str:
    """A name fit for storage, from one that somebody gave: without folders, blanks as `+`, oddities as `-`.

    The result is never empty.
    """
    base = unicodedata.normalize("NFC", re.split(r"[/\\]", given)[-1]).replace(" ", "+")
    name = _MARK.sub("-", base).strip(".-") or "file"
    try:
        checked_parts(name)
    except InvalidRequest:
        name = f"file-{name}"
    return name


def path_of(uri: str) -> str:
    """The path of a URI below the root; may end with a slash.

    Raises:
        InvalidRequest: it is no URI of internal storage.
    """
    path = uri.removeprefix(ROOT)
    if path == uri or path.startswith("/"):
        raise InvalidRequest(
            f"Invalid internal storage uri `{uri}`",
            mend=f"it begins with `{ROOT}`, as `outputs.<task>.uri` does",
        )
    return path


def readable(reference: str, *, namespace: str) -> str:
    """The URI behind what a flow names: a `kestra:///` or `nsfile:///` URI, or the path of a namespace file.

    `nsfile://other.namespace/path` and plain paths are namespace files; the latter those of `namespace`.

    Raises:
        InvalidRequest: it has another scheme, or a path that is not allowed.
    """
    scheme, colon, rest = reference.partition("://")
    if not colon:
        uri = namespace_file(namespace, reference)
    elif scheme == SCHEME:
        uri = reference
    elif scheme == NAMESPACE_SCHEME:
        of, _, path = rest.partition("/")
        uri = namespace_file(of or namespace, path)
    else:
        raise InvalidRequest(
            f"Invalid internal storage uri `{reference}`",
            mend=f"use `{ROOT}...`, `{NAMESPACE_SCHEME}:///...` or the path of a namespace file",
        )
    checked_parts(path_of(uri))
    return uri


def uri_below(prefix: str, path: str) -> str:
    """The URI of `path` below a prefix.

    Raises:
        InvalidRequest: the path is absolute, or leads upwards.
    """
    checked_parts(path)
    return f"{prefix}{path}"


def namespace_of(uri: str) -> str | None:
    """The namespace whose file this is; None for a file that belongs to none, and for what is no URI."""
    if not uri.startswith(ROOT):
        return None
    path = uri.removeprefix(ROOT)
    match = _EXECUTION.match(path) or _NAMESPACE.match(path)
    return match["namespace"].replace("/", ".") if match and _is_plain(path) else None


def is_of_namespace(uri: str, namespace: str) -> bool:
    """The file belongs to exactly this namespace: to an execution of one of its flows, or to itself."""
    return namespace_of(uri) == namespace


def is_namespace_file(uri: str) -> bool:
    """The file is one of a namespace's own tree."""
    path = uri.removeprefix(ROOT)
    match = _NAMESPACE.match(path) if path != uri else None
    return match is not None and match["kind"] == "_files" and _is_plain(path)


def namespace_file_of(uri: str) -> tuple[str, str]:
    """The namespace and the path of a namespace file.

    Raises:
        InvalidRequest: it is none.
    """
    if not is_namespace_file(uri):
        raise InvalidRequest(f"`{uri}` is not a namespace file, and only those have versions")
    namespace, _, path = uri.removeprefix(ROOT).partition("/_files/")
    return namespace.replace("/", "."), path


def is_of_execution(uri: str, namespace: str, flow_id: str, execution_id: str) -> bool:
    """The file belongs to this execution."""
    prefix = execution(namespace, flow_id, execution_id)
    return uri.startswith(prefix) and _is_plain(uri.removeprefix(ROOT))


def _is_plain(path: str) -> bool:
    try:
        checked_parts(path)
    except InvalidRequest:
        return False
    return True
