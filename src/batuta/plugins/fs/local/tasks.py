"""Tasks on files of this machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.fs.local import listing
from batuta.plugins.fs.local.listing import listed, moved

Place = Annotated[str, Meta(min_length=1, description="Absolute path of the machine.")]
Overwrite = Annotated[bool, Meta(description="Write over a file that is there.")]


class Stored(task.Output, frozen=True):
    """A file."""

    uri: Annotated[str, Meta(description="Where it is now.")]
    size: Annotated[int, Meta(description="Bytes.")]


@plugin("io.kestra.plugin.fs.local.List")
class List(RunnableTask):
    """List the files of a folder.

    ```yaml
    id: list
    type: io.kestra.plugin.fs.local.List
    from: /data/incoming
    regExp: ".*[.]csv"
    ```
    """

    from_: listing.From = field(name="from")
    reg_exp: listing.RegExp = None
    recursive: listing.Recursive = False
    max_files: listing.MaxFiles = listing.MOST_FILES

    class Output(task.Output, frozen=True):
        """What was found."""

        files: Annotated[list[Any], Meta(description="Files and folders.")]
        count: Annotated[int, Meta(description="How many.")]

    async def run(self, ctx: RunContext) -> Output:
        """List."""
        folder = ctx.files.on_machine(self.from_)
        found = await asyncio.to_thread(
            listed, ctx, folder, self.reg_exp, recursive=self.recursive, folders=True
        )
        if len(found) > self.max_files:
            ctx.log.warn(
                f"{len(found)} files are there, and only {self.max_files} are listed; raise `maxFiles`"
            )
            found = found[: self.max_files]
        return self.Output(files=[plain_outputs(each.shown()) for each in found], count=len(found))


@plugin("io.kestra.plugin.fs.local.Upload")
class Upload(RunnableTask):
    """Write a stored file to a path of the machine.

    ```yaml
    id: write
    type: io.kestra.plugin.fs.local.Upload
    from: "{{ outputs.report.uri }}"
    to: /data/reports/today.csv
    ```
    """

    from_: Annotated[str, Meta(min_length=1, description="URI of a stored file.")] = field(name="from")
    to: Place
    overwrite: Overwrite = True

    async def run(self, ctx: RunContext) -> Stored:
        """Write."""
        target = ctx.files.on_machine(self.to)
        if target.exists() and not self.overwrite:
            raise TaskError(f"`{target}` exists already", mend="set `overwrite: true`, or write elsewhere")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place first, so that nobody finds half of it there.
        partial = target.with_name(f".{target.name}.{ctx.identity.task_run_id}")
        try:
            await ctx.files.fetch(self.from_, partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return Stored(uri=f"file://{target}", size=target.stat().st_size)


@plugin("io.kestra.plugin.fs.local.Download")
class Download(RunnableTask):
    """Store a file of the machine.

    ```yaml
    id: read
    type: io.kestra.plugin.fs.local.Download
    from: /data/incoming/today.csv
    ```
    """

    from_: Place = field(name="from")

    async def run(self, ctx: RunContext) -> Stored:
        """Store."""
        source = existing(ctx, self.from_)
        return Stored(uri=await ctx.files.put(source), size=source.stat().st_size)


@plugin("io.kestra.plugin.fs.local.Downloads")
class Downloads(RunnableTask):
    """Store the files of a folder.

    ```yaml
    id: read
    type: io.kestra.plugin.fs.local.Downloads
    from: /data/incoming
    action: MOVE
    moveDirectory: /data/done
    ```
    """

    from_: listing.From = field(name="from")
    action: listing.Action = "NONE"
    move_directory: listing.MoveDirectory = None
    reg_exp: listing.RegExp = None
    recursive: listing.Recursive = False
    max_files: listing.MaxFiles = listing.MOST_FILES

    class Output(task.Output, frozen=True):
        """What was stored."""

        files: Annotated[list[Any], Meta(description="The files; `path` is the URI of what was stored.")]
        output_files: Annotated[dict[str, str], Meta(description="URIs by name.")]

    async def run(self, ctx: RunContext) -> Output:
        """Store them."""
        target = None
        if self.action == "MOVE":
            if not self.move_directory:
                raise TaskError("`action: MOVE` needs a `moveDirectory`")
            target = ctx.files.on_machine(self.move_directory)
        folder = ctx.files.on_machine(self.from_)
        found = await asyncio.to_thread(listed, ctx, folder, self.reg_exp, recursive=self.recursive)
        if len(found) > self.max_files:
            ctx.log.warn(
                f"{len(found)} files are there, and only {self.max_files} are taken; raise `maxFiles`"
            )
            found = found[: self.max_files]
        files = []
        for each in found:
            uri = await ctx.files.put(each.path, each.path.name)
            files.append({**(plain_outputs(each.shown()) or {}), "path": uri})
        for each in found:
            if target is not None:
                await asyncio.to_thread(moved, each.path, target)
            elif self.action == "DELETE":
                each.path.unlink(missing_ok=True)
        return self.Output(files=files, output_files={each["name"]: each["path"] for each in files})


@plugin("io.kestra.plugin.fs.local.Move")
class Move(RunnableTask):
    """Move a file of the machine, or a folder.

    ```yaml
    id: move
    type: io.kestra.plugin.fs.local.Move
    from: /data/incoming/today.csv
    to: /data/done/today.csv
    ```
    """

    from_: Place = field(name="from")
    to: Place
    overwrite: Overwrite = False

    class Output(task.Output, frozen=True):
        """The move."""

        from_: Annotated[str, Meta(description="Where it was.")] = field(name="from")
        to: Annotated[str, Meta(description="Where it is.")]

    async def run(self, ctx: RunContext) -> Output:
        """Move."""
        source = existing(ctx, self.from_, folders=True)
        target = free_target(ctx, self.to, source, overwrite=self.overwrite)
        await asyncio.to_thread(shutil.move, source, target)
        return self.Output(from_=f"file://{source}", to=f"file://{target}")


@plugin("io.kestra.plugin.fs.local.Copy")
class Copy(RunnableTask):
    """Copy a file of the machine, or a folder.

    ```yaml
    id: copy
    type: io.kestra.plugin.fs.local.Copy
    from: /data/incoming/today.csv
    to: /data/kept/today.csv
    ```
    """

    from_: Place = field(name="from")
    to: Place
    overwrite: Overwrite = False

    class Output(task.Output, frozen=True):
        """The copy."""

        from_: Annotated[str, Meta(description="What was copied.")] = field(name="from")
        to: Annotated[str, Meta(description="The copy.")]

    async def run(self, ctx: RunContext) -> Output:
        """Copy."""
        source = existing(ctx, self.from_, folders=True)
        target = free_target(ctx, self.to, source, overwrite=self.overwrite)
        if source.is_dir():
            await asyncio.to_thread(shutil.copytree, source, target, symlinks=True, dirs_exist_ok=True)
        else:
            await asyncio.to_thread(shutil.copy2, source, target)
        return self.Output(from_=f"file://{source}", to=f"file://{target}")


@plugin("io.kestra.plugin.fs.local.Delete")
class Delete(RunnableTask):
    """Remove a file of the machine, or a folder.

    ```yaml
    id: remove
    type: io.kestra.plugin.fs.local.Delete
    from: /data/done/today.csv
    ```
    """

    from_: Place = field(name="from")
    error_on_missing: Annotated[bool, Meta(description="Fail where there is none.")] = False
    recursive: Annotated[bool, Meta(description="Folders with what is in them.")] = True

    class Output(task.Output, frozen=True):
        """What became of it."""

        uri: Annotated[str, Meta(description="What was removed.")]
        deleted: Annotated[bool, Meta(description="Whether there was something.")]

    async def run(self, ctx: RunContext) -> Output:
        """Remove."""
        place = ctx.files.on_machine(self.from_)
        there = place.exists() or place.is_symlink()
        if not there and self.error_on_missing:
            raise TaskError(f"there is no file `{place}`")
        if place.is_dir() and not place.is_symlink():
            if not self.recursive and any(place.iterdir()):
                raise TaskError(f"the folder `{place}` is not empty", mend="set `recursive: true`")
            await asyncio.to_thread(shutil.rmtree, place)
        elif there:
            place.unlink()
        return self.Output(uri=f"file://{place}", deleted=there)


def existing(ctx: RunContext, path: str, *, folders: bool = False) -> Path:
    """A file that is there.

    Raises:
        TaskError: it is not, or is a folder where none is wanted.
    """
    place = ctx.files.on_machine(path)
    if not place.exists():
        raise TaskError(f"there is no file `{place}`")
    if place.is_dir() and not folders:
        raise TaskError(f"`{place}` is a folder", mend="name a file, or use Downloads")
    return place


def free_target(ctx: RunContext, path: str, source: Path, *, overwrite: bool) -> Path:
    """Where to write; below a folder that is there, under the name of the source.

    Raises:
        TaskError: something is there already.
    """
    target = ctx.files.on_machine(path)
    if target.is_dir() or path.endswith("/"):
        target = target / source.name
    if target.exists() and not overwrite:
        raise TaskError(f"`{target}` exists already", mend="set `overwrite: true`, or write elsewhere")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
