"""Changes in a folder, one execution for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from batuta.plugin import task
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Feed, Inputs, RealtimeTrigger, TriggerContext
from batuta.plugins.fs.local import listing
from batuta.plugins.fs.local.listing import Entry, File, listed

LOOK_SECONDS = 0.5
"""Between two looks at the folder; a file that has not changed from one to the next is written to its end."""


class Change(msgspec.Struct, frozen=True):
    """Something that happened to a file."""

    kind: str
    entry: Entry


class Event(task.Output, frozen=True):
    """What the execution sees."""

    file: Annotated[File, Meta(description="The file; of one that is gone, as it was.")]
    change_type: Annotated[str, Meta(description="CREATE, UPDATE or DELETE.")]


@plugin("io.kestra.plugin.fs.local.RealtimeTrigger")
class Realtime(RealtimeTrigger):
    """Start an execution for each file of a folder that is made, changed or deleted, as soon as it is.

    The execution sees `trigger.file` with `localPath`, `name`, `size` and `updatedDate`, and
    `trigger.changeType`. A file is new as soon as it is there, and may not be written to its end; it has
    changed once its content has been at rest for half a second. What happens while the trigger does not
    listen, as when the server is down, goes by unseen: `fs.local.Trigger` finds it.

    Folders have to be opened to flows by the operator, with the setting `local_paths`.

    ```yaml
    id: watch
    type: io.kestra.plugin.fs.local.RealtimeTrigger
    from: /data/incoming
    regExp: ".*[.]csv"
    ```
    """

    from_: listing.From = field(name="from")
    reg_exp: listing.RegExp = None
    recursive: listing.Recursive = False
    on: Annotated[
        Literal["CREATE", "UPDATE", "CREATE_OR_UPDATE", "DELETE"],
        Meta(description="Which changes start the flow."),
    ] = "CREATE_OR_UPDATE"
    inputs: Inputs = None

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Look again and again until cancelled."""
        folder = ctx.files.on_machine(self.from_)
        watch = Watch(await self._look(ctx, folder))
        await feed.opened()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for change in watch.changes(await self._look(ctx, folder)):
                if self.on in (change.kind, "CREATE_OR_UPDATE") and (
                    change.kind != "DELETE" or self.on == "DELETE"
                ):
                    await feed.emit(Event(file=change.entry.shown(), change_type=change.kind))

    async def _look(self, ctx: TriggerContext, folder: Path) -> dict[Path, Entry]:
        found = await asyncio.to_thread(listed, ctx, folder, self.reg_exp, recursive=self.recursive)
        return {entry.path: entry for entry in found}


class Watch:
    """Compares each look with the one before."""

    def __init__(self, known: dict[Path, Entry]) -> None:
        self._known = known
        self._restless: set[Path] = set()
        """Files whose content has changed and may change further."""

    def changes(self, found: dict[Path, Entry]) -> Iterator[Change]:
        """What has happened since the last look, oldest first."""
        before, self._known = self._known, found
        for path, entry in before.items():
            if path not in found:
                self._restless.discard(path)
                yield Change("DELETE", entry)
        for path, entry in found.items():
            last = before.get(path)
            if last is None:
                yield Change("CREATE", entry)
            elif last.version(strict=False) != entry.version(strict=False):
                self._restless.add(path)
            elif path in self._restless:
                self._restless.discard(path)
                yield Change("UPDATE", entry)
