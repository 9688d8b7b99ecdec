"""Flows that start when mail comes."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Feed, Found, Inputs, PollingTrigger, RealtimeTrigger, TriggerContext
from batuta.plugins.notifications import mailbox
from batuta.plugins.notifications.mailbox import PORTS, Protocol, Source

Reading = Annotated[Protocol, Meta(description="How the mailbox is read.")]
Host = Annotated[str, Meta(min_length=1, description="Mail server.")]
Port = Annotated[
    int | None, Meta(description="Its port; by default 993 or 143 for IMAP, 995 or 110 for POP3.")
]
Username = Annotated[str, Meta(min_length=1, description="Who logs in.")]
Password = Annotated[str, Meta(description="Password of `username`.")]
Folder = Annotated[str, Meta(description="Folder to look into, with IMAP.")]
Encrypted = Annotated[bool, Meta(description="Encrypt the connection from the beginning.")]
TrustAll = Annotated[bool, Meta(description="Do not look at the server's certificate.")]
_IDLE_SECONDS = 600.0
"""How long a wait for news lasts, with IMAP; servers end those of half an hour."""


def source_of(trigger: MailReceivedTrigger | RealTimeTrigger) -> Source:
    """The mailbox of a trigger."""
    return Source(
        protocol=trigger.protocol,
        host=trigger.host,
        port=trigger.port or PORTS[trigger.protocol, trigger.ssl],
        username=trigger.username,
        password=trigger.password,
        folder=trigger.folder,
        encrypted=trigger.ssl,
        trust_all=trigger.trust_all_certificates,
    )


@plugin(
    "io.kestra.plugin.email.MailReceivedTrigger",
    aliases=("io.kestra.plugin.notifications.mail.MailReceivedTrigger",),
)
class MailReceivedTrigger(PollingTrigger):
    """Look into a mailbox every now and then, and start the flow when mail has come.

    What was there before the first look counts as old. The execution sees `trigger.latestEmail` with
    `subject`, `from`, `to`, `cc`, `bcc`, `date`, `body`, `messageId` and `attachments`, and all new mails,
    oldest first, as `trigger.emails`, with their number as `trigger.total`. The mailbox is not changed.

    ```yaml
    id: orders
    type: io.kestra.plugin.email.MailReceivedTrigger
    host: imap.example.com
    username: "{{ secret('MAIL_USERNAME') }}"
    password: "{{ secret('MAIL_PASSWORD') }}"
    folder: INBOX
    interval: PT1M
    ```
    """

    host: Host
    username: Username
    password: Password
    protocol: Reading = Protocol.IMAP
    port: Port = None
    folder: Folder = "INBOX"
    ssl: Encrypted = True
    trust_all_certificates: TrustAll = False
    inputs: Inputs = None

    async def poll(self, ctx: TriggerContext) -> Found:
        """Look for mails after those of the last look."""
        found = await asyncio.to_thread(mailbox.look, source_of(self), await ctx.recall())
        emails = [mailbox.shown(letter.content) for letter in found.letters]
        variables = {"latestEmail": emails[-1], "total": len(emails), "emails": emails} if emails else None
        return Found(variables=variables, state=found.position)


@plugin(
    "io.kestra.plugin.email.RealTimeTrigger",
    aliases=("io.kestra.plugin.notifications.mail.RealTimeTrigger",),
)
class RealTimeTrigger(RealtimeTrigger):
    """Start an execution for each mail, as soon as it comes.

    With IMAP the server tells of new mail; with POP3 the trigger looks after each `interval`. The execution
    sees `trigger.subject`, `trigger.from`, `trigger.to`, `trigger.cc`, `trigger.bcc`, `trigger.date`,
    `trigger.body`, `trigger.messageId` and `trigger.attachments`. What was there before the trigger first
    listened counts as old; mail that comes while nobody listens is found afterwards. Nothing in the mailbox
    is changed.

    ```yaml
    id: orders
    type: io.kestra.plugin.email.RealTimeTrigger
    host: imap.example.com
    username: "{{ secret('MAIL_USERNAME') }}"
    password: "{{ secret('MAIL_PASSWORD') }}"
    ```
    """

    host: Host
    username: Username
    password: Password
    protocol: Reading = Protocol.IMAP
    port: Port = None
    folder: Folder = "INBOX"
    ssl: Encrypted = True
    trust_all_certificates: TrustAll = False
    interval: Annotated[
        timedelta, Meta(description="Time between two looks, where the server does not tell of news.")
    ] = timedelta(seconds=60)
    inputs: Inputs = None

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Listen until cancelled."""
        position = Position(ctx)
        stopped = threading.Event()
        try:
            if self.protocol is Protocol.POP3:
                await self._look_often(feed, position)
            else:
                await self._wait_for_news(feed, position, stopped)
        finally:
            stopped.set()

    async def _look_often(self, feed: Feed, position: Position) -> None:
        source = source_of(self)
        while True:
            found = await asyncio.to_thread(mailbox.look, source, await position.get())
            await feed.opened()
            await position.emit(feed, found)
            await asyncio.sleep(self.interval.total_seconds())

    async def _wait_for_news(self, feed: Feed, position: Position, stopped: threading.Event) -> None:
        opening = mailbox.imap(source_of(self))
        folder = await asyncio.to_thread(opening.__enter__)
        try:
            await feed.opened()
            seconds = min(self.interval.total_seconds(), _IDLE_SECONDS)
            while True:
                found = await asyncio.to_thread(folder.look, await position.get())
                await position.emit(feed, found)
                if not found.letters:
                    await asyncio.to_thread(folder.wait, seconds, stopped.is_set)
        finally:
            stopped.set()
            await asyncio.shield(asyncio.to_thread(opening.__exit__, None, None, None))


class Position:
    """Where a trigger that listens has come to, kept as a key-value entry of its namespace."""

    def __init__(self, ctx: TriggerContext) -> None:
        self._ctx = ctx
        self._key = f"{ctx.identity.namespace}__{ctx.identity.flow_id}__{ctx.identity.task_id}"

    async def get(self) -> Any:
        """The position; None before the first look."""
        return await self._ctx.kv.get(self._key)

    async def emit(self, feed: Feed, found: mailbox.Look) -> None:
        """Hand mails on, then remember that they were."""
        for letter in found.letters:
            # Known by its occasion, should the position not be written in time.
            await feed.emit(mailbox.shown(letter.content), occasion=letter.id)
        if found.position != await self.get():
            await self._ctx.kv.put(self._key, found.position, type="JSON")
