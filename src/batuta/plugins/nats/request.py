"""A question to whoever answers a subject."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.nats.connection import Creds, Password, Token, Url, Username, connected


@plugin("io.kestra.plugin.nats.core.Request", aliases=("io.kestra.plugin.nats.Request",))
class Request(RunnableTask):
    """Send a message and wait for its answer.

    ```yaml
    id: ask
    type: io.kestra.plugin.nats.core.Request
    url: nats://localhost:4222
    subject: prices
    from: '{"article": 7}'
    requestTimeout: PT2S
    ```
    """

    extra = "nats"

    url: Url
    subject: Annotated[str, Meta(min_length=1, description="Subject to ask.")]
    from_: Annotated[Any, Meta(description="The question: text, or a map of `data` and `headers`.")] = field(
        name="from"
    )
    request_timeout: Annotated[timedelta, Meta(description="How long to wait for the answer.")] = timedelta(
        seconds=5
    )
    username: Username = None
    password: Password = None
    token: Token = None
    creds: Creds = None

    class Output(task.Output, frozen=True):
        """The answer."""

        response: Annotated[str | None, Meta(description="What was answered.")] = None

    async def run(self, ctx: RunContext) -> Output:
        """Ask."""
        from nats.errors import NoRespondersError
        from nats.errors import TimeoutError as NoAnswer

        question: Any = self.from_
        headers = None
        if isinstance(question, dict) and "data" in question:
            headers = {str(name): str(value) for name, value in (question.get("headers") or {}).items()}
            question = question["data"]
        data = question.encode() if isinstance(question, str) else msgspec.json.encode(question)
        async with connected(self) as client:
            try:
                answer = await client.request(
                    self.subject, data, timeout=self.request_timeout.total_seconds(), headers=headers
                )
            except NoRespondersError:
                raise TaskError(f"nobody answers the subject `{self.subject}`") from None
            except NoAnswer:
                seconds = self.request_timeout.total_seconds()
                raise TaskError(
                    f"no answer on `{self.subject}` within {seconds:g} s", mend="raise `requestTimeout`"
                ) from None
        return self.Output(response=answer.data.decode(errors="replace"))
