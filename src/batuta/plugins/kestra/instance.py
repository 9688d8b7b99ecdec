"""How tasks reach the server that they manage: the own one without a network, another one by HTTP.

Both are asked in the same words, those of the REST API (API spec §7 to §14). The own server trusts its tasks;
another one wants to know who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.http.calling import Unreachable, library, trusted, without_login

if TYPE_CHECKING:
    import httpx

PAGE = 100
"""How many of a list are asked for at once."""
_OWN = "http://own-server"
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 300.0
_MOST_SHOWN_CHARACTERS = 2_000

Json = dict[str, Any]


class Auth(msgspec.Struct, kw_only=True, rename="camel"):
    """How to say who asks: a token, or user name and password."""

    api_token: Annotated[str | None, Meta(description="Token, sent as bearer.")] = None
    username: Annotated[str | None, Meta(description="User name of basic authentication.")] = None
    password: Annotated[str | None, Meta(description="Password of basic authentication.")] = None
    auto: Annotated[
        bool, Meta(description="Accepted; the own server asks for nothing, another one for what is set here.")
    ] = True


KestraUrl = Annotated[
    str | None, Meta(description="Address of another server; without it the own one is managed.")
]
Login = Annotated[Auth | None, Meta(description="Who asks; only other servers want to know.")]
TenantId = Annotated[str | None, Meta(description="Tenant on the server; `main` without it.")]


class InstanceTask(RunnableTask, kw_only=True):
    """Base of the tasks that manage a server."""

    kestra_url: KestraUrl = None
    auth: Login = None
    tenant_id: TenantId = None

    @property
    def manages_own(self) -> bool:
        """It is the server on which the task runs."""
        return not (self.kestra_url or "").strip()


class Managed(msgspec.Struct, kw_only=True):
    """What says which server is managed; the common part of tasks and triggers."""

    url: str | None
    auth: Auth | None
    tenant: str | None


class Instance:
    """A server that is managed, as long as its connection is open."""

    def __init__(self, http: httpx.AsyncClient, tenant: str) -> None:
        self._http = http
        self._base = f"/api/v1/{tenant}"

    async def call(self, method: str, *path: str, **request: Any) -> Any:
        """Send a request; the data of its answer, None where it has none.

        Raises:
            Unreachable: nobody answers.
            Refused: the server does not do it.
        """
        import httpx

        place = self._place(path)
        try:
            answer = await self._http.request(method, place, **request)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        _judge(method, place, answer)
        return msgspec.json.decode(answer.content) if answer.content.strip() else None

    async def download(self, target: Path, method: str, *path: str, **request: Any) -> None:
        """Send a request whose answer is a file."""
        import httpx

        place = self._place(path)
        try:
            async with self._http.stream(method, place, **request) as answer:
                if answer.is_error:
                    await answer.aread()
                _judge(method, place, answer)
                with target.open("wb") as file:
                    async for chunk in answer.aiter_bytes():
                        file.write(chunk)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def pages(
        self, *path: str, params: Mapping[str, Any], size: int = PAGE
    ) -> AsyncIterator[list[Json]]:
        """All of a list, page by page; what moves to a later page meanwhile is seen once."""
        seen: set[str] = set()
        page = read = 0
        while True:
            page += 1
            found = await self.call("GET", *path, params={**params, "page": page, "size": size})
            results: list[Json] = found["results"]
            fresh = [each for each in results if each.get("id") is None or each["id"] not in seen]
            seen.update(each["id"] for each in fresh if each.get("id") is not None)
            yield fresh
            read += len(results)
            if len(results) < size or read >= found["total"]:
                return

    def _place(self, path: tuple[str, ...]) -> str:
        from urllib.parse import quote

        return "/".join((self._base, *(quote(part, safe="") for part in path)))

    def _unreachable(self, error: Exception) -> Unreachable:
        address = without_login(str(self._http.base_url)).rstrip("/")
        return Unreachable(f"The call of `{address}` failed: {error or type(error).__name__}")


class Refused(TaskError):
    """A server that is managed does not do what it is asked for."""

    code = "task.refused-by-server"

    def __init__(self, status: int, what: str, mend: str | None = None) -> None:
        super().__init__(what, mend=mend)
        self.status = status


@asynccontextmanager
async def opened(ctx: RunContext, managed: InstanceTask | Managed) -> AsyncIterator[Instance]:
    """The server that a task or trigger manages.

    Raises:
        TaskError: the address or the authentication makes no sense, or there is no server to manage.
    """
    httpx = await asyncio.to_thread(library)
    if isinstance(managed, InstanceTask):
        managed = Managed(url=managed.kestra_url, auth=managed.auth, tenant=managed.tenant_id)
    url = (managed.url or "").strip().rstrip("/")
    tenant = (managed.tenant or "").strip() or "main"
    login = credentials(managed.auth)
    if not url:
        transport = httpx.ASGITransport(app=ctx.own_api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=_OWN, timeout=None) as http:
            yield Instance(http, tenant)
        return
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise TaskError(f"kestraUrl: `{without_login(url)}` is not an address: {error}") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise TaskError(
            f"kestraUrl: `{without_login(url)}` is not an address",
            mend="write one such as `http://localhost:8080`",
        )
    limits = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    async with httpx.AsyncClient(
        base_url=address, timeout=limits, verify=trusted(), follow_redirects=True, **login
    ) as http:
        yield Instance(http, tenant)


def credentials(auth: Auth | None) -> dict[str, Any]:
    """What a client is told of who asks.

    Raises:
        TaskError: there are two answers to that, or half of one.
    """
    if auth is None:
        return {}
    if auth.api_token and (auth.username or auth.password):
        raise TaskError(
            "auth: both an API token and a user name are given", mend="keep `apiToken`, or the other two"
        )
    if auth.api_token:
        return {"headers": {"Authorization": f"Bearer {auth.api_token}"}}
    if bool(auth.username) != bool(auth.password):
        missing = "password" if auth.username else "username"
        raise TaskError(f"auth: `{missing}` is missing", mend="give both user name and password")
    return {"auth": (auth.username, auth.password)} if auth.username else {}


def _judge(method: str, place: str, answer: httpx.Response) -> None:
    code = answer.status_code
    if code < 400:
        return
    said = _said(answer)
    mend = "say who asks with `auth`" if code == 401 else None
    raise Refused(code, f"{method} {place}: the server answers {code}" + (f": {said}" if said else ""), mend)


def _said(answer: httpx.Response) -> str:
    """Why a server refuses, in its own words."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:_MOST_SHOWN_CHARACTERS].strip()
    if isinstance(body, dict):
        return as_text(body.get("detail") or body.get("message") or "")[:_MOST_SHOWN_CHARACTERS]
    return as_text(body)[:_MOST_SHOWN_CHARACTERS]


def spare_file(ctx: RunContext) -> Path:
    """A name in the working directory that nothing else has."""
    return ctx.files.working_dir / ids.random_id()
