"""Files that come to a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from batuta.clock import SystemClock
from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Found, Inputs, PollingTrigger, Problem, TriggerContext
from batuta.plugins.fs.local import listing
from batuta.plugins.fs.local.listing import Entry, entry_of, listed, moved


class Seen(msgspec.Struct, frozen=True):
    """What is remembered of a file."""

    version: str
    at: str
    """When it was seen first in this version."""


class Arrival(msgspec.Struct, frozen=True):
    """A file that starts the flow."""

    entry: Entry
    change: str


@plugin("io.kestra.plugin.fs.local.Trigger")
class Trigger(PollingTrigger):
    """Look at a folder every now and then, and start the flow with the files that are new or changed.

    Each file is stored, and the execution sees it in `trigger.files`: `path` is the URI of what was stored,
    `changeType` is CREATE or UPDATE, beside them `name`, `localPath`, `size` and `updatedDate`. Which files
    were seen is written with the execution: a file is neither lost nor taken twice, whatever may break.
    Its `action` follows, and is made good by the next look where it could not be done.

    Folders have to be opened to flows by the operator, with the setting `local_paths`.

    ```yaml
    id: arrivals
    type: io.kestra.plugin.fs.local.Trigger
    from: /data/incoming
    regExp: ".*[.]csv"
    action: MOVE
    moveDirectory: /data/done
    interval: PT30S
    ```
    """

    from_: listing.From = field(name="from")
    action: listing.Action = "NONE"
    move_directory: listing.MoveDirectory = None
    reg_exp: listing.RegExp = None
    recursive: listing.Recursive = False
    max_files: listing.MaxFiles = listing.MOST_FILES
    on: Annotated[
        Literal["CREATE", "UPDATE", "CREATE_OR_UPDATE"], Meta(description="Which changes start the flow.")
    ] = "CREATE_OR_UPDATE"
    state_key: Annotated[
        str | None, Meta(description="Key-value entry of the namespace that says which files were seen.")
    ] = None
    state_ttl: Annotated[
        timedelta | None, Meta(description="A file that was seen longer ago counts as new.")
    ] = None
    inputs: Inputs = None

    def problems(self) -> Iterator[Problem]:
        """MOVE needs to know where to."""
        if self.action == "MOVE" and not self.move_directory:
            yield Problem("moveDirectory", "is needed with `action: MOVE`", "name the folder for done files")

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Look at the folder."""
        folder = ctx.files.on_machine(self.from_)
        target = None
        if self.action == "MOVE":
            if not self.move_directory:
                raise TaskError("`action: MOVE` needs a `moveDirectory`")
            target = ctx.files.on_machine(self.move_directory)
        entries = await asyncio.to_thread(listed, ctx, folder, self.reg_exp, recursive=self.recursive)
        recalled = await ctx.recall(self.state_key)
        now = SystemClock().now()
        before = _known(recalled, None if self.state_ttl is None else now - self.state_ttl)
        after, arrivals, left = self._compared(entries, before, now)
        if not arrivals and not left:
            # Files that are gone are forgotten, so that one of the same name is a new one.
            return None if after.keys() == before.keys() else self._found(None, after, [], target)
        files = [await self._stored(ctx, each) for each in arrivals]
        variables = {"files": files} if files else None
        return self._found(variables, after, [*left, *(each.entry for each in arrivals)], target)

    def _found(
        self, variables: dict[str, Any] | None, after: dict[str, Seen], done: list[Entry], target: Path | None
    ) -> Found:
        async def settle() -> None:
            await asyncio.to_thread(self._act, done, target)

        return Found(
            variables=variables,
            state=msgspec.to_builtins(after),
            state_key=self.state_key,
            settle=settle if self.action != "NONE" and done else None,
        )

    def _compared(
        self, entries: list[Entry], before: dict[str, Seen], now: datetime
    ) -> tuple[dict[str, Seen], list[Arrival], list[Entry]]:
        """What to remember, what starts the flow, and what was dealt with and still lies there."""
        after: dict[str, Seen] = {}
        arrivals: list[Arrival] = []
        left: list[Entry] = []
        for entry in entries:
            name = str(entry.path)
            version = entry.version(strict=self.action != "NONE")
            seen = before.get(name)
            if seen is not None and seen.version == version:
                after[name] = seen
                if self.action != "NONE":
                    left.append(entry)
                continue
            change = "CREATE" if seen is None else "UPDATE"
            if self.on in (change, "CREATE_OR_UPDATE"):
                if len(arrivals) >= self.max_files:
                    if seen is not None:
                        after[name] = seen
                    continue  # the next look takes it
                arrivals.append(Arrival(entry, change))
            after[name] = Seen(version, now.isoformat())
        return after, arrivals, left

    async def _stored(self, ctx: RunContext, arrival: Arrival) -> dict[str, Any]:
        entry = arrival.entry
        try:
            uri = await ctx.files.put(entry.path, entry.path.name)
        except OSError as error:
            raise TaskError(f"`{entry.path}` cannot be read: {error.strerror}") from None
        file = {**(plain_outputs(entry.shown()) or {}), "path": uri}
        return {**file, "file": file, "changeType": arrival.change}

    def _act(self, entries: list[Entry], target: Path | None) -> None:
        for entry in entries:
            now = entry_of(entry.path)
            if now is None or now.version(strict=True) != entry.version(strict=True):
                continue  # gone, or written anew: the next look sees it
            if target is None:
                entry.path.unlink(missing_ok=True)
            else:
                moved(entry.path, target)


def _known(recalled: Any, oldest: datetime | None) -> dict[str, Seen]:
    """What earlier looks have seen, as far as it still counts."""
    try:
        known = msgspec.convert(recalled or {}, dict[str, Seen])
    except msgspec.ValidationError:
        return {}
    if oldest is None:
        return known
    return {name: seen for name, seen in known.items() if datetime.fromisoformat(seen.at) >= oldest}
