"""An address that is called again and again until its answer fits."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta import expr
from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.registry import plugin
from batuta.plugin.task import Template
from batuta.plugin.trigger import Inputs, PollingTrigger, SourceDown
from batuta.plugins.core.http.calling import Options, Ssl, Unreachable
from batuta.plugins.core.http.request import Request


@plugin("io.kestra.plugin.core.http.Trigger")
class Trigger(PollingTrigger):
    """Call an address every now and then, and start the flow when the answer fits a condition.

    The condition sees `response.statusCode`, `response.body` and `response.headers`. The execution sees the
    answer as `trigger.code`, `trigger.body`, `trigger.headers` and `trigger.uri`.

    ```yaml
    id: in_stock
    type: io.kestra.plugin.core.http.Trigger
    uri: http://localhost:8000/stock
    interval: PT1M
    responseCondition: "{{ json(response.body).count > 0 }}"
    ```
    """

    uri: Annotated[str, Meta(description="Address to call.")]
    response_condition: Annotated[Template, Meta(description="Starts the flow where it holds.")] = Template(
        "{{ response.statusCode < 400 }}"
    )
    method: Annotated[str, Meta(description="GET, POST, PUT, ...")] = "GET"
    params: Annotated[dict[str, Any], Meta(description="Query parameters: text, or a list of texts.")] = {}
    headers: Annotated[dict[str, Any], Meta(description="Request headers.")] = {}
    body: Annotated[str | None, Meta(description="Request body.")] = None
    form_data: Annotated[dict[str, Any] | None, Meta(description="Fields of a form.")] = None
    content_type: Annotated[str, Meta(description="Type of the request body.")] = "application/json"
    options: Annotated[Options | None, Meta(description="Timeouts, proxy, authentication.")] = None
    allow_failed: Annotated[bool | None, Meta(description="Has no effect: every answer is looked at.")] = None
    ssl_options: Annotated[Ssl | None, Meta(description="Older place of `options.ssl`.")] = None
    encrypt_body: Annotated[
        bool, Meta(description="Keep the answer encrypted, as `encryptedBody` in place of `body`.")
    ] = False
    inputs: Inputs = None

    async def poll(self, ctx: RunContext) -> dict[str, Any] | None:
        """Call, and look at the answer."""
        options = msgspec.structs.replace(self.options or Options(), allow_failed=True)
        options.allowed_response_codes = []
        request = Request(
            uri=self.uri,
            method=self.method,
            params=self.params,
            headers=self.headers,
            body=self.body,
            form_data=self.form_data,
            content_type=self.content_type,
            options=options,
            ssl_options=self.ssl_options,
            encrypt_body=self.encrypt_body,
        )
        try:
            answer = await request.run(ctx)
        except Unreachable as error:
            raise SourceDown(error.what) from error
        body = answer.encrypted_body if self.encrypt_body else answer.body
        response = {"statusCode": answer.code, "body": body, "headers": answer.headers}
        try:
            text = await ctx.rendered(self.response_condition, response=response)
        except expr.ExpressionError as error:
            raise TaskError(f"responseCondition: {error}") from None
        return plain_outputs(answer) if expr.is_truthy_text((text or "").strip()) else None
