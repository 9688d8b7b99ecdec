"""Posts on X."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from batuta.clock import SystemClock
from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.notifications.report import (
    CURRENT,
    CustomFields,
    CustomMessage,
    ExecutionId,
    RenderMap,
    report_of,
)
from batuta.plugins.notifications.sending import Credentials, Message, Options, post

_POSTS = "https://api.x.com/2/tweets"
MOST_CHARACTERS = 280


@plugin(
    "io.kestra.plugin.x.XExecution",
    aliases=("io.kestra.plugin.notifications.x.XExecution",),
)
class XExecution(RunnableTask, kw_only=True):
    """Tell on X how an execution went, in at most 280 characters.

    X wants a bearer token, or all four credentials of OAuth 1.0a.

    ```yaml
    id: tell
    type: io.kestra.plugin.x.XExecution
    bearerToken: "{{ secret('X_BEARER_TOKEN') }}"
    executionId: "{{ trigger.executionId ?? execution.id }}"
    ```
    """

    bearer_token: Annotated[str | None, Meta(description="Token of a user (OAuth 2.0).")] = None
    consumer_key: Annotated[str | None, Meta(description="Key of the app (OAuth 1.0a).")] = None
    consumer_secret: Annotated[str | None, Meta(description="Secret of the app (OAuth 1.0a).")] = None
    access_token: Annotated[str | None, Meta(description="Token of a user (OAuth 1.0a).")] = None
    access_secret: Annotated[str | None, Meta(description="Secret of that token (OAuth 1.0a).")] = None
    url: Annotated[str, Meta(description="Address of the API that takes posts.")] = _POSTS
    options: Annotated[Options | None, Meta(description="Timeouts, headers.")] = None
    execution_id: ExecutionId = CURRENT
    custom_message: CustomMessage = None
    custom_fields: CustomFields = None
    template_render_map: RenderMap = None

    async def run(self, ctx: RunContext) -> None:
        """Post the report; what does not fit is cut, but for the link."""
        credentials = self.credentials()
        report = await report_of(ctx, self)
        lines = [line for line in report.lines if not line.startswith("Link: ")]
        text = shortened("\n".join(lines), report.link)
        content = msgspec.json.encode({"text": text})
        message = Message(url=self.url, content=content, credentials=credentials)
        await post(ctx, message, self.options)

    def credentials(self) -> Credentials:
        """The header that X wants.

        Raises:
            TaskError: something is missing.
        """
        if self.bearer_token:
            return Credentials.by_token("Bearer", self.bearer_token)
        keys = (self.consumer_key, self.consumer_secret, self.access_token, self.access_secret)
        if not all(keys):
            raise TaskError(
                "X does not know who posts",
                mend="set `bearerToken`, or consumerKey, consumerSecret, accessToken and accessSecret",
            )
        key, secret, token, token_secret = (each or "" for each in keys)
        fields = {
            "oauth_consumer_key": key,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_timestamp": str(int(SystemClock().now().timestamp())),
            "oauth_token": token,
            "oauth_version": "1.0",
        }
        fields["oauth_signature"] = signature(self.url, fields, secret, token_secret)
        header = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in sorted(fields.items()))
        return Credentials(
            headers={"Authorization": f"OAuth {header}"}, secrets=(key, secret, token, token_secret)
        )


def signature(url: str, fields: dict[str, str], secret: str, token_secret: str) -> str:
    """The signature of a POST whose body is no form (RFC 5849 §3.4)."""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in fields.items())
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join(["POST", quote(url, safe=""), quote(parameters, safe="")])
    key = f"{quote(secret, safe='')}&{quote(token_secret, safe='')}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def shortened(text: str, link: str | None) -> str:
    """The text with its link, within the limit."""
    end = f"\n{link}" if link else ""
    room = MOST_CHARACTERS - len(end)
    return (text if len(text) <= room else text[: room - 1] + "…") + end
