"""How a message gets to a service over HTTP: the options, the call, and errors that keep addresses secret.

The address of a webhook is a password: whoever knows it can write into the channel. So it never appears in a
log or an error, and neither do tokens; answers of the service are searched for them before they are shown.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.model.masking import Masker
from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.http.calling import library, trusted
from batuta.plugins.notifications.report import (
    CURRENT,
    CustomFields,
    CustomMessage,
    ExecutionId,
    RenderMap,
    Report,
    report_of,
)

if TYPE_CHECKING:
    import httpx

JSON = "application/json"
_CONNECT_SECONDS = 10.0
_LEAST_SECRET_CHARACTERS = 4
_LEAST_PART_CHARACTERS = 12
"""Shorter parts of an address are words such as `services`, and would mask half of a message."""
_MOST_SHOWN_CHARACTERS = 1_000


class Options(msgspec.Struct, kw_only=True, rename="camel"):
    """How to make the call."""

    connect_timeout: Annotated[timedelta | None, Meta(description="Longest wait for a connection.")] = None
    read_timeout: Annotated[timedelta, Meta(description="Longest wait for the answer.")] = timedelta(
        seconds=10
    )
    read_idle_timeout: Annotated[timedelta, Meta(description="Longest silence within an answer.")] = (
        timedelta(minutes=5)
    )
    connection_pool_idle_timeout: Annotated[
        timedelta | None, Meta(description="Accepted without effect.")
    ] = None
    max_content_length: Annotated[int, Meta(ge=0, description="Most bytes of an answer.")] = 10 * 1024 * 1024
    default_charset: Annotated[str, Meta(description="Encoding of what is sent.")] = "UTF-8"
    headers: Annotated[dict[str, Any], Meta(description="More request headers.")] = {}


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """How to say who sends."""

    headers: Mapping[str, str] = {}
    login: tuple[str, str] | None = None
    """User and password for basic authentication."""
    secrets: Sequence[str] = ()
    """What nothing shown may contain, beside the address."""

    @classmethod
    def by_token(cls, scheme: str, token: str | None) -> Credentials:
        """A token in the header `Authorization`; one that brings its scheme along keeps it."""
        if not token:
            return cls()
        value = token if token.startswith(f"{scheme} ") else f"{scheme} {token}"
        return cls(headers={"Authorization": value}, secrets=(token, token.removeprefix(f"{scheme} ")))


class Message(msgspec.Struct, kw_only=True):
    """What is sent, and where to."""

    url: str
    content: bytes
    content_type: str = JSON
    credentials: Credentials = Credentials()


class Answer(NamedTuple):
    """What a service said to a message that it took."""

    code: int
    text: str
    headers: dict[str, str]


class WebhookTask(RunnableTask, kw_only=True):
    """Base of tasks that post to an address of a chat or an alarm service."""

    url: Annotated[
        str, Meta(min_length=1, description="Address that takes messages; it is kept out of logs.")
    ]
    options: Annotated[Options | None, Meta(description="Timeouts, headers.")] = None

    def credentials(self) -> Credentials:
        """What the service wants to know beside the address."""
        return Credentials()

    async def send(self, ctx: RunContext, content: Any, kind: str = JSON) -> Answer:
        """Post a value, or a text that is ready, to the address."""
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        charset = (self.options or Options()).default_charset
        message = Message(
            url=self.url,
            content=encoded(text, charset),
            content_type=kind,
            credentials=self.credentials(),
        )
        return await post(ctx, message, self.options)


class PayloadTask(WebhookTask, kw_only=True):
    """Base of tasks whose message is written in the flow."""

    payload: Annotated[str | None, Meta(description="The message in JSON, as the service wants it.")] = None

    async def run(self, ctx: RunContext) -> None:
        """Post the payload."""
        await self.send(ctx, json_text(self.payload))


class ExecutionTask(WebhookTask, kw_only=True):
    """Base of tasks that tell of an execution."""

    payload: Annotated[
        str | None,
        Meta(description="A message in JSON of your own, sent in place of the one about the execution."),
    ] = None
    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> None:
        """Post what there is to say."""
        if self.payload is not None:
            await self.send(ctx, json_text(self.payload))
        else:
            await self.send(ctx, self.compose(await report_of(ctx, self)))

    def compose(self, report: Report) -> Any:
        """The report as the service wants it."""
        raise NotImplementedError


async def post(ctx: RunContext, message: Message, options: Options | None) -> Answer:
    """Send a message.

    Raises:
        TaskError: the address is wrong, nobody answers, or the service refuses.
    """
    httpx = await asyncio.to_thread(library)
    options = options or Options()
    address = checked(message.url)
    hide = hidden(message)
    headers = {"Content-Type": content_type(message.content_type, options.default_charset)}
    headers |= {name: as_text(value) for name, value in options.headers.items()} | dict(
        message.credentials.headers
    )
    connect = options.connect_timeout
    timeout = httpx.Timeout(
        options.read_idle_timeout.total_seconds(),
        connect=_CONNECT_SECONDS if connect is None else connect.total_seconds(),
    )
    try:
        context = await asyncio.to_thread(trusted)
        async with asyncio.timeout(options.read_timeout.total_seconds() + timeout.connect) as limit:
            async with httpx.AsyncClient(
                timeout=timeout, verify=context, auth=message.credentials.login
            ) as client:
                request = client.build_request(
                    "POST", message.url.strip(), content=message.content, headers=headers
                )
                answer, text = await _exchange(client, request, options.max_content_length)
    except TimeoutError:
        if not limit.expired():
            raise
        raise TaskError(
            f"{address.netloc} gave no answer in time", mend="raise `options.readTimeout`"
        ) from None
    except (httpx.InvalidURL, UnicodeError):
        raise _not_an_address() from None
    except httpx.HTTPError as error:
        said = hide(str(error)) or type(error).__name__
        raise TaskError(f"{address.netloc} cannot be reached: {said}") from None
    if not answer.is_success:
        raise _refusal(answer, address, hide(text.strip()))
    ctx.log.info(f"{address.netloc} has taken the message, with status {answer.status_code}")
    return Answer(answer.status_code, text, dict(answer.headers))


async def _exchange(
    client: httpx.AsyncClient, request: httpx.Request, most_bytes: int
) -> tuple[httpx.Response, str]:
    answer = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > most_bytes:
                raise TaskError(
                    f"the answer has more than {most_bytes} bytes", mend="raise `options.maxContentLength`"
                )
        return answer, body.decode(answer.charset_encoding or "utf-8", "replace")
    finally:
        await answer.aclose()


def _refusal(answer: httpx.Response, address: SplitResult, body: str) -> TaskError:
    if answer.is_redirect:
        target = urlsplit(answer.headers.get("Location", "")).hostname or address.netloc
        return TaskError(
            f"{address.netloc} sends the message on to {target}, with status {answer.status_code}",
            where="url",
            mend="write the address that it leads to",
        )
    shown = f":\n{body[:_MOST_SHOWN_CHARACTERS]}" if body else ""
    return TaskError(f"{address.netloc} refused the message with status {answer.status_code}{shown}")


def checked(url: str) -> SplitResult:
    """The parts of an address; `netloc` is what may be shown: host and port, without a login.

    Raises:
        TaskError: it is none.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise _not_an_address() from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _not_an_address()
    return parts._replace(netloc=parts.hostname + (f":{port}" if port else ""))


def _not_an_address() -> TaskError:
    return TaskError(
        "that is not an address",
        where="url",
        mend="write the whole address that the service gave, beginning with `https://`",
    )


def json_text(payload: str | None) -> str:
    """A payload that is JSON.

    Raises:
        TaskError: it is not, or there is none.
    """
    if payload is None or not payload.strip():
        raise TaskError("there is nothing to send", where="payload", mend="write the message in JSON")
    try:
        msgspec.json.decode(payload)
    except msgspec.DecodeError as error:
        raise TaskError(
            f"the text is not JSON after rendering: {error}",
            where="payload",
            mend="put values into it with `| toJson`, which escapes quotes and line ends",
        ) from None
    return payload


def encoded(text: str, charset: str) -> bytes:
    """The text as bytes.

    Raises:
        TaskError: there is no such encoding, or it lacks a character.
    """
    try:
        return text.encode(charset)
    except (LookupError, UnicodeEncodeError) as error:
        raise TaskError(str(error), where="options.defaultCharset", mend="leave it out for UTF-8") from None


def content_type(kind: str, charset: str) -> str:
    """The header; JSON in UTF-8 says no charset, as its standard has it."""
    return kind if charset.upper() in ("UTF-8", "UTF8") else f"{kind}; charset={charset}"


def hidden(message: Message) -> Callable[[str], str]:
    """Takes the address, the parts of it that are no words, and the secrets out of what is shown."""
    url = message.url.strip()
    rest = url.partition("://")[2].partition("/")[2]
    parts = [part for part in re.split(r"[/?&=]", rest) if len(part) >= _LEAST_PART_CHARACTERS]
    path = [f"/{rest}"] if rest else []
    secrets = [each for each in message.credentials.secrets if len(each) >= _LEAST_SECRET_CHARACTERS]
    return Masker([url, *path, *parts, *secrets]).mask
