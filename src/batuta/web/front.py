"""The outermost layer: one form of path for the router, the guard, and the headers of every answer.

Behind it there are no tenants: `/api/v1/main/flows` and `/api/v1/flows` are the same route. Segments of
the path stay percent-encoded until the router has told them apart, and are decoded once (API spec §1).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from batuta.errors import NotFound
from batuta.model.flow import TENANT
from batuta.web import access, problem

App = Callable[[Any, Any, Any], Awaitable[None]]

RESOURCES = frozenset(
    {
        "flows",
        "executions",
        "logs",
        "metrics",
        "triggers",
        "namespaces",
        "kv",
        "plugins",
        "dashboards",
        "blueprints",
        "stats",
        "taskruns",
        "templates",
        "configs",
        "usages",
        "basicAuth",
        "basicAuthValidationErrors",
        "secrets",
        "outputs",
        "expressions",
        "concurrency-limit",
        "mcp",
        "mcp-servers",
        "tests",
        "login",
        "logout",
        "pebble",
        "instance",
        "cluster",
        "me",
        "users",
        "schemas",
        "ai",
    }
)
"""Words that stand where a tenant could: what follows is a path without tenant."""

SECURITY_HEADERS = [
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
]
EDITION = (b"x-kestra-edition", b"OSS")
_PREFIX = "/api/v1/"


def untenanted(path: str) -> str | None:
    """The path without its tenant; None where the tenant does not exist."""
    if not path.startswith(_PREFIX):
        return path
    first, slash, rest = path.removeprefix(_PREFIX).partition("/")
    if first in RESOURCES or not slash:
        return path
    return _PREFIX + rest if unquote(first) == TENANT else None


_NAMED_LIKE_AN_ACT = re.compile(
    r"/api/v1/executions/([^/]*\.[^/]*)/(pause|resume|restart|replay|force-run|change-status|unqueue|state|labels)"
)


def started(path: str) -> str:
    """The path to start a flow where its id is the name of an act, as older versions allowed.

    Ids of executions have no dots, so a word with a dot in their place is a namespace.
    """
    match = _NAMED_LIKE_AN_ACT.fullmatch(path)
    return path if match is None else f"{_PREFIX}executions/trigger/{match[1]}/{match[2]}"


class Front:
    """The ASGI application that the server runs."""

    def __init__(self, app: App, guard: access.Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        asked = raw.partition(b"?")[0].decode("latin-1")
        path = untenanted(asked)
        if path is not None and scope["method"] == "POST":
            path = started(path)
        inner = {**scope, "path": path or asked, "raw_path": raw, "asked_path": raw, "root_path": ""}
        if scope["method"] == "HEAD":
            inner["method"] = "GET"

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *SECURITY_HEADERS]
                if message["status"] == 404:
                    headers.append(EDITION)
                message = {**message, "headers": headers}
            await send(message)

        refusal: Exception | None = self._guard.refusal(inner)
        if refusal is None and path is None:
            refusal = NotFound(f"there is no tenant of this name; the only one is `{TENANT}`")
        if refusal is None:
            await self._app(inner, receive, sending)
            return
        kind, body = problem.body_of(refusal, asked)
        content = msgspec.json.encode(body)
        headers = [
            (b"content-type", problem.MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
        ]
        if kind.status == 401:
            headers.append((b"www-authenticate", b"Basic"))
        await sending({"type": "http.response.start", "status": kind.status, "headers": headers})
        await sending({"type": "http.response.body", "body": content})


def decoded_segments(app: App) -> App:
    """Decode the segments that the router took from the path; runs once the route is known."""

    async def decoding(scope: Any, receive: Any, send: Any) -> None:
        parameters = scope.get("path_params")
        if parameters and b"%" in scope.get("raw_path", b""):
            scope["path_params"] = {
                name: unquote(value) if isinstance(value, str) else value
                for name, value in parameters.items()
            }
        await app(scope, receive, send)

    return decoding
