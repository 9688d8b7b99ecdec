"""Requests from outside."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Inputs, Trigger


@plugin("io.kestra.plugin.core.trigger.Webhook")
class Webhook(Trigger):
    """Start the flow by a request to `/api/v1/main/executions/webhook/{namespace}/{flow}/{key}`.

    The request is `trigger.body`, `trigger.headers` and `trigger.parameters`. Whoever knows the key may start
    the flow, so keep it in a secret.

    ```yaml
    id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: "{{ secret('WEBHOOK_KEY') }}"
    ```
    """

    key: Annotated[str, Meta(max_length=256, description="The last part of the address.")]
    inputs: Inputs = None
    wait: Annotated[bool, Meta(description="Answer when the execution has ended.")] = False
    return_outputs: Annotated[bool, Meta(description="With `wait`: answer with the flow's outputs.")] = False
    response_content_type: Annotated[
        Literal["application/json", "text/plain"] | None,
        Meta(description="With `wait` and `returnOutputs`: the kind of the answer."),
    ] = None
    response_code: Annotated[
        int | None, Meta(ge=100, le=599, description="With `wait`: the status of the answer.")
    ] = None
