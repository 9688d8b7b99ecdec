"""What the HTTP tasks have in common: properties, the client, the request, the verdict (spec A20)."""

from __future__ import annotations

import asyncio
import importlib
import logging
import re
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from batuta.errors import MissingExtra, TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.task import RunnableTask

if TYPE_CHECKING:
    import httpx

MOST_CONTENT_BYTES = 10 * 1024 * 1024
"""Most bytes of an answer that becomes an output, where `options.maxContentLength` says nothing else."""
_READ_SECONDS = 300.0
_CONNECT_SECONDS = 10.0
_SHOWN_AS_STARS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
_FILES = ("kestra://", "nsfile://")
"""What a form field begins with that is uploaded as a file."""
_importing = threading.Lock()
"""Several tasks may be the first to need the library."""


class Unreachable(TaskError):
    """Nobody answers."""

    code = "task.unreachable"


class ProxyType(StrEnum):
    """Kinds of proxy."""

    DIRECT = "DIRECT"
    HTTP = "HTTP"
    SOCKS = "SOCKS"


class Proxy(msgspec.Struct, kw_only=True, rename="camel"):
    """A proxy."""

    type: ProxyType = ProxyType.DIRECT
    address: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = None


class AuthType(StrEnum):
    """Kinds of authentication."""

    BASIC = "BASIC"
    BEARER = "BEARER"
    DIGEST = "DIGEST"


class Auth(msgspec.Struct, kw_only=True, rename="camel"):
    """How to say who asks."""

    type: AuthType = AuthType.BASIC
    username: str | None = None
    password: str | None = None
    token: str | None = None


class Timeouts(msgspec.Struct, kw_only=True, rename="camel"):
    """How long to wait."""

    connect_timeout: timedelta | None = None
    read_idle_timeout: timedelta | None = None


class Ssl(msgspec.Struct, kw_only=True, rename="camel"):
    """Certificates."""

    insecure_trust_all_certificates: bool | None = None


class Logged(StrEnum):
    """Parts of an exchange that can be logged."""

    REQUEST_HEADERS = "REQUEST_HEADERS"
    REQUEST_BODY = "REQUEST_BODY"
    RESPONSE_HEADERS = "RESPONSE_HEADERS"
    RESPONSE_BODY = "RESPONSE_BODY"


class Options(msgspec.Struct, kw_only=True, rename="camel"):
    """How to make the call."""

    timeout: Timeouts | None = None
    proxy: Proxy | None = None
    auth: Auth | None = None
    ssl: Ssl | None = None
    follow_redirects: bool = True
    allow_failed: bool | None = None
    allowed_response_codes: list[int] = []
    default_charset: str = "UTF-8"
    logs: list[Logged] = []
    enabled_tcp_extended_keep_alive: bool | None = None
    connect_timeout: timedelta | None = None
    read_timeout: timedelta | None = None
    read_idle_timeout: timedelta | None = None
    connection_pool_idle_timeout: timedelta | None = None
    max_content_length: int | None = None
    proxy_type: ProxyType | None = None
    proxy_address: str | None = None
    proxy_port: int | None = None
    proxy_username: str | None = None
    proxy_password: str | None = None
    basic_auth_user: str | None = None
    basic_auth_password: str | None = None
    log_level: str | None = None


class HttpTask(RunnableTask):
    """Base of the HTTP tasks."""

    uri: Annotated[str, Meta(description="Address to call.")]
    method: Annotated[str, Meta(description="GET, POST, PUT, ...")] = "GET"
    params: Annotated[dict[str, Any], Meta(description="Query parameters: text, or a list of texts.")] = {}
    headers: Annotated[dict[str, Any], Meta(description="Request headers.")] = {}
    body: Annotated[str | None, Meta(description="Request body.")] = None
    form_data: Annotated[
        dict[str, Any] | None, Meta(description="Fields of a form; a stored file's URI uploads the file.")
    ] = None
    content_type: Annotated[str, Meta(description="Type of the request body.")] = "application/json"
    options: Annotated[
        Options | None, Meta(description="Timeouts, proxy, authentication, tolerated codes.")
    ] = None
    allow_failed: Annotated[bool | None, Meta(description="Older place of `options.allowFailed`.")] = None
    ssl_options: Annotated[Ssl | None, Meta(description="Older place of `options.ssl`.")] = None

    @property
    def effective(self) -> Options:
        """The options, with what was written in older places."""
        return self.options or Options()

    @property
    def most_bytes(self) -> int:
        """Most bytes of an answer that becomes an output."""
        return self.effective.max_content_length or MOST_CONTENT_BYTES

    def own_headers(self) -> dict[str, str]:
        """Headers that the kind of task asks for, unless the flow sets them."""
        return {}

    @asynccontextmanager
    async def exchange(self, ctx: RunContext) -> AsyncIterator[httpx.Response]:
        """Call; the answer's body has not been read.

        Raises:
            Unreachable: nobody answers.
            TaskError: the answer is a failure that is not tolerated.
        """
        httpx = await asyncio.to_thread(library)
        options, address = self.effective, self.uri.strip().replace(" ", "%20")
        shown = without_login(address)
        try:
            async with client(options, self.ssl_options) as http:
                request = http.build_request(
                    self.method.upper(), with_params(address, self.params), **await self._content(ctx)
                )
                if Logged.REQUEST_HEADERS in options.logs:
                    ctx.log.info(f"request headers: {shown_headers(request.headers)}")
                if Logged.REQUEST_BODY in options.logs and self.body:
                    ctx.log.info(f"request body: {self.body}")
                answer = await http.send(request, stream=True)
                try:
                    if Logged.RESPONSE_HEADERS in options.logs:
                        ctx.log.info(f"response headers: {shown_headers(answer.headers)}")
                    await self._judge(answer)
                    yield answer
                finally:
                    await answer.aclose()
        except httpx.InvalidURL as error:
            raise TaskError(f"uri: `{shown}` is not an address: {error}") from None
        except (httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise TaskError(f"The call of `{shown}` failed: {error}") from None
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise Unreachable(f"The call of `{shown}` failed: {said}") from error

    async def _judge(self, answer: httpx.Response) -> None:
        options, code = self.effective, answer.status_code
        if options.allowed_response_codes:
            if code in options.allowed_response_codes:
                return
        elif code < 400 or options.allow_failed or self.allow_failed:
            return
        body = await answer.aread()
        text = body.decode(answer.encoding or options.default_charset, "replace")
        raise TaskError(
            f"Failed http request with response code '{code}'" + (f" and body:\n{text}" if text else "")
        )

    async def _content(self, ctx: RunContext) -> dict[str, Any]:
        headers = {name: as_text(value) for name, value in self.headers.items()}
        given = {name.lower() for name in headers}
        headers |= {name: value for name, value in self.own_headers().items() if name.lower() not in given}
        if self.form_data is not None and self.content_type.startswith("multipart/"):
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            return {"headers": headers, "files": await self._parts(ctx)}
        if self.form_data is not None:
            return {
                "headers": headers,
                "data": {name: as_text(value) for name, value in self.form_data.items()},
            }
        if "content-type" not in given:
            charset = f"; charset={self.effective.default_charset}" if self.body is not None else ""
            headers["Content-Type"] = self.content_type + charset
        if self.body is None:
            return {"headers": headers}
        return {"headers": headers, "content": self.body.encode(self.effective.default_charset)}

    async def _parts(self, ctx: RunContext) -> list[tuple[str, Any]]:
        parts: list[tuple[str, Any]] = []
        for name, value in (self.form_data or {}).items():
            if isinstance(value, dict) and set(value) == {"name", "content"}:
                parts.append((name, await self._file(ctx, value["content"], as_text(value["name"]))))
            elif isinstance(value, str) and value.startswith(_FILES):
                parts.append((name, await self._file(ctx, value, value.rpartition("/")[2])))
            else:
                parts.append((name, (None, as_text(value).encode())))
        return parts

    async def _file(self, ctx: RunContext, content: Any, name: str) -> tuple[str, Any]:
        """A file of a form: a stored one, or a text that is to look like one."""
        text = as_text(content)
        if not text.startswith(_FILES):
            return name, text.encode()
        return name, (await local_copy(ctx, text)).open("rb")


def library() -> Any:
    """httpx, without its command line: that would cost more time to import than all the rest."""
    # Its own log lines hold whole addresses, and tokens with them.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with _importing:
        if "httpx" not in sys.modules:
            sys.modules["httpx._main"] = None  # type: ignore[assignment]
            try:
                importlib.import_module("httpx")
            finally:
                sys.modules.pop("httpx._main", None)
    return importlib.import_module("httpx")


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that the machine trusts; read once, for that takes long."""
    return ssl.create_default_context()


def client(options: Options, older_ssl: Ssl | None) -> httpx.AsyncClient:
    """A client that does as the options say."""
    import httpx

    timeout, tls = options.timeout or Timeouts(), options.ssl or older_ssl or Ssl()
    connect = timeout.connect_timeout or options.connect_timeout
    read = timeout.read_idle_timeout or options.read_idle_timeout or options.read_timeout
    try:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(
                _READ_SECONDS if read is None else read.total_seconds(),
                connect=_CONNECT_SECONDS if connect is None else connect.total_seconds(),
            ),
            follow_redirects=options.follow_redirects,
            verify=False if tls.insecure_trust_all_certificates else trusted(),
            proxy=proxy_address(options),
            # A proxy that the machine's environment names, unless the flow says to do without.
            trust_env=options.proxy is None or options.proxy.type is not ProxyType.DIRECT,
            auth=authentication(options),
        )
    except ImportError:
        raise MissingExtra("a SOCKS proxy", "socks") from None


def proxy_address(options: Options) -> str | None:
    """The proxy as one address, or None."""
    proxy = options.proxy or Proxy(
        type=options.proxy_type or (ProxyType.HTTP if options.proxy_address else ProxyType.DIRECT),
        address=options.proxy_address,
        port=options.proxy_port,
        username=options.proxy_username,
        password=options.proxy_password,
    )
    if proxy.type is ProxyType.DIRECT or not proxy.address:
        return None
    from urllib.parse import quote

    scheme = "socks5" if proxy.type is ProxyType.SOCKS else "http"
    login = f"{quote(proxy.username)}:{quote(proxy.password or '')}@" if proxy.username else ""
    return f"{scheme}://{login}{proxy.address}" + (f":{proxy.port}" if proxy.port else "")


def authentication(options: Options) -> httpx.Auth | None:
    """Who asks."""
    import httpx

    auth = options.auth
    if auth is None and options.basic_auth_user:
        auth = Auth(username=options.basic_auth_user, password=options.basic_auth_password)
    if auth is None:
        return None
    match auth.type:
        case AuthType.BASIC:
            return httpx.BasicAuth(auth.username or "", auth.password or "")
        case AuthType.DIGEST:
            return httpx.DigestAuth(auth.username or "", auth.password or "")
        case AuthType.BEARER:
            return _bearer(auth.token or "")


def _bearer(token: str) -> httpx.Auth:
    def add(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    from httpx._auth import FunctionAuth

    return FunctionAuth(add)


def with_params(address: str, params: dict[str, Any]) -> httpx.URL:
    """The address with the parameters behind those that it has."""
    import httpx

    url = httpx.URL(address)
    for name, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            url = url.copy_add_param(name, as_text(each))
    return url


def without_login(address: str) -> str:
    """The address without the user and password that it may hold."""
    return re.sub(r"(?<=//)[^/@?#]*@", "", address, count=1)


def shown_headers(headers: httpx.Headers) -> dict[str, str]:
    """Headers for the log: those that tell who asks are there, and not what they say."""
    return {name: "******" if name.lower() in _SHOWN_AS_STARS else value for name, value in headers.items()}


def header_lists(answer: httpx.Response) -> dict[str, list[str]]:
    """Names of headers with all their values."""
    lists: dict[str, list[str]] = {}
    for name, value in answer.headers.multi_items():
        lists.setdefault(name, []).append(value)
    return lists


async def local_copy(ctx: RunContext, uri: str) -> Path:
    """A stored file in the working directory, under a name that nothing else has."""
    from batuta import ids

    path = ctx.files.working_dir / ids.random_id()
    await ctx.files.fetch(uri, path)
    return path
