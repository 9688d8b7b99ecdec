"""A call whose answer is text."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.core.http.calling import HttpTask, Logged, header_lists, without_login


@plugin("io.kestra.plugin.core.http.Request")
class Request(HttpTask):
    """Call an address and keep the answer as text.

    ```yaml
    id: call
    type: io.kestra.plugin.core.http.Request
    uri: http://localhost:8000/orders
    method: POST
    body: '{"id": 1}'
    ```
    """

    encrypt_body: Annotated[
        bool, Meta(description="Keep the answer encrypted, as `encryptedBody` in place of `body`.")
    ] = False

    class Output(task.Output, frozen=True):
        """The answer."""

        uri: Annotated[str, Meta(description="Address that was called.")]
        code: Annotated[int, Meta(description="Status code.")]
        headers: Annotated[dict[str, list[str]], Meta(description="Response headers.")]
        body: Annotated[str | None, Meta(description="Response body, also where it is JSON.")] = None
        encrypted_body: Annotated[
            str | None, Meta(description="Response body with `encryptBody`; expressions see it in the clear.")
        ] = None
        form_data: Annotated[dict[str, Any] | None, Meta(description="The form that was sent.")] = None

    async def run(self, ctx: RunContext) -> Output:
        """Call."""
        async with self.exchange(ctx) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > self.most_bytes:
                    raise TaskError(
                        f"The answer has more than {self.most_bytes} bytes",
                        mend="use io.kestra.plugin.core.http.Download for large answers, or raise "
                        "`options.maxContentLength`",
                    )
            try:
                text = body.decode(answer.charset_encoding or self.effective.default_charset)
            except (UnicodeDecodeError, LookupError):
                raise TaskError(
                    "The answer is not text", mend="use io.kestra.plugin.core.http.Download for files"
                ) from None
            if self.encrypt_body:
                ctx.hide(text)
            if Logged.RESPONSE_BODY in self.effective.logs:
                ctx.log.info(f"response body: {text}")
            return self.Output(
                uri=without_login(str(answer.url)),
                code=answer.status_code,
                headers=header_lists(answer),
                body=None if self.encrypt_body else text,
                encrypted_body=text if self.encrypt_body else None,
                form_data=self.form_data,
            )
