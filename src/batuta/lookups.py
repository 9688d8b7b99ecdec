"""Answers what an expression asked for: a secret, a key-value entry, a file (expressions spec §10)."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from batuta import expr
from batuta.errors import BatutaError, NotFound, RequestError
from batuta.model import sealed
from batuta.model.execution import Execution
from batuta.model.records import KvEntry
from batuta.model.task import LogLevel
from batuta.ports import Ports
from batuta.storage import uris
from batuta.storage.access import check_readable
from batuta.storage.namespace_files import NamespaceFiles

MOST_READ_BYTES = 10_485_760
"""Most bytes that `read()` brings into an expression."""


class Lookups:
    """Fetches outside values on behalf of a flow of some namespace."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._answers: dict[str, Callable[[tuple[Any, ...], str, Execution | None], Awaitable[Any]]] = {
            "secret": self._secret,
            "kv": self._kv,
            "read": self._read,
            "stored": self._stored,
            "fileSize": self._file_size,
            "fileExists": self._file_exists,
            "isFileEmpty": self._is_file_empty,
            "fileVersion": self._file_version,
            "http": self._http,
            "errorLogs": self._error_logs,
            "randomPort": self._random_port,
        }

    async def answer(
        self, fact: expr.Fact, facts: expr.Facts, *, namespace: str, execution: Execution | None = None
    ) -> expr.Facts:
        """`facts` and the value of `fact`, or with it the reason why there is none."""
        fetch = self._answers.get(fact.kind)
        if fetch is None:
            return facts.with_error(fact, f"`{fact.kind}()` cannot be used here")
        try:
            value = await fetch(fact.arguments, namespace, execution)
            shown = sealed.opened(value, self._ports.cipher.decrypt)
            for text in sealed.texts(value, shown):
                # A secret that somebody has put into a value stays one.
                facts = facts.with_(expr.Fact("secret", (*fact, text)), text)
            return facts.with_(fact, shown)
        except BatutaError as error:
            return facts.with_error(fact, error.what)

    async def _secret(self, arguments: tuple[Any, ...], namespace: str, _: Execution | None) -> str:
        key, of, subkey = arguments
        value = await self._ports.secrets.get(of or namespace, key)
        if value is None:
            raise NotFound(f"Cannot find secret for key '{key}'.")
        if subkey is None:
            return value
        try:
            members = msgspec.json.decode(value, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise RequestError(f"Secret '{key}' is not a JSON map, so it has no member '{subkey}'.") from None
        if subkey not in members:
            raise NotFound(f"Cannot find member '{subkey}' of secret '{key}'.")
        found = members[subkey]
        return found if isinstance(found, str) else msgspec.json.encode(found).decode()

    async def _kv(self, arguments: tuple[Any, ...], namespace: str, _: Execution | None) -> Any:
        key, of, error_on_missing = arguments
        entry = await self._live_entry(of, key) if of else await self._inherited_entry(namespace, key)
        if entry is None:
            if error_on_missing:
                if await self._has_expired(of or namespace, key):
                    raise NotFound("The requested value has expired")
                raise NotFound(f"The key '{key}' does not exist in the namespace '{of or namespace}'.")
            return None
        return entry.value

    async def _has_expired(self, namespace: str, key: str) -> bool:
        return await self._ports.store.kv.get(namespace, key) is not None

    async def _live_entry(self, namespace: str, key: str) -> KvEntry | None:
        entry = await self._ports.store.kv.get(namespace, key)
        expired = (
            entry is not None and entry.expires_at is not None and entry.expires_at <= self._ports.clock.now()
        )
        return None if expired else entry

    async def _inherited_entry(self, namespace: str, key: str) -> KvEntry | None:
        while namespace:
            entry = await self._live_entry(namespace, key)
            if entry is not None:
                return entry
            namespace = namespace.rpartition(".")[0]
        return None

    async def _read(self, arguments: tuple[Any, ...], namespace: str, execution: Execution | None) -> str:
        uri = await self._file_uri(arguments, namespace, execution)
        found = await self._ports.storage.stat(uri)
        if found is not None and found.size > MOST_READ_BYTES:
            raise RequestError(
                f"`{arguments[0]}` has {found.size} bytes; an expression can read at most {MOST_READ_BYTES}",
                mend="give the file to a task as an input file instead",
            )
        return (await self._ports.storage.read(uri)).decode(errors="replace")

    async def _stored(self, arguments: tuple[Any, ...], _: str, __: Execution | None) -> Any:
        (uri,) = arguments
        try:
            return msgspec.json.decode(await self._ports.storage.read(uri))
        except NotFound:
            raise NotFound(f"The value that was moved to `{uri}` is not there any more") from None

    async def _file_size(
        self, arguments: tuple[Any, ...], namespace: str, execution: Execution | None
    ) -> int:
        uri = await self._file_uri(arguments, namespace, execution)
        found = await self._ports.storage.stat(uri)
        if found is None:
            raise NotFound(f"There is no file `{arguments[0]}`")
        return found.size

    async def _file_exists(
        self, arguments: tuple[Any, ...], namespace: str, execution: Execution | None
    ) -> bool:
        try:
            uri = await self._file_uri(arguments, namespace, execution)
        except NotFound:
            return False
        return await self._ports.storage.stat(uri) is not None

    async def _is_file_empty(
        self, arguments: tuple[Any, ...], namespace: str, execution: Execution | None
    ) -> bool:
        return await self._file_size(arguments, namespace, execution) == 0

    async def _file_uri(self, arguments: tuple[Any, ...], namespace: str, execution: Execution | None) -> str:
        """Where a file is that the flow may read: `path`, perhaps a namespace, perhaps a version."""
        path, of, version = (*arguments, None, None)[:3]
        uri = uris.readable(str(path), namespace=of or namespace)
        await check_readable(
            uri, namespace=namespace, reader=execution, executions=self._ports.store.executions
        )
        if version is None:
            return uri
        owner, inner = uris.namespace_file_of(uri)
        return await NamespaceFiles(self._ports.storage, owner).uri(inner, version)

    async def _file_version(
        self, arguments: tuple[Any, ...], namespace: str, execution: Execution | None
    ) -> str:
        return await self._file_uri(arguments, namespace, execution)

    async def _http(self, arguments: tuple[Any, ...], namespace: str, _: Execution | None) -> Any:
        from batuta import egress

        return await egress.fetch(*arguments)

    async def _error_logs(
        self, _: tuple[Any, ...], __: str, execution: Execution | None
    ) -> list[dict[str, Any]]:
        if execution is None:
            raise RequestError("`errorLogs()` can be used in tasks only")
        lines = await self._ports.store.logs.of_execution(execution.id, least=LogLevel.ERROR)
        return [
            {
                "taskId": stored.line.task_id,
                "taskRunId": stored.line.task_run_id,
                "attempt": stored.line.attempt,
                "message": stored.line.message,
                "level": stored.line.level.value,
                "timestamp": stored.line.at,
            }
            for stored in lines
        ]

    async def _random_port(self, _: tuple[Any, ...], __: str, ___: Execution | None) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port
