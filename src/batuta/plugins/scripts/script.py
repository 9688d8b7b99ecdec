"""What all script tasks have in common: properties, and the order of things (plugins spec B1, B2)."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from batuta import ids
from batuta.errors import InvalidRequest
from batuta.paths import inside
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.converters import as_text
from batuta.plugin.runner import Command, RunnerResult, TaskRunner
from batuta.plugin.task import AnyRunner, RunnableTask, TaskFailed
from batuta.plugins.scripts.choice import OlderRunner, choose_runner
from batuta.plugins.scripts.language import Language
from batuta.plugins.scripts.protocol import Listener

_STORED_FILE = re.compile(r"kestra:///[^\s'\"`<>|;,(){}\[\]]+")
_MOST_ARGUMENT_BYTES = 100_000
"""A longer text goes into a file: the system refuses arguments above 128 KiB."""
_GLOB_SIGNS = "*?[{"


class TargetOs(StrEnum):
    """Where a script will run."""

    LINUX = "LINUX"
    WINDOWS = "WINDOWS"
    AUTO = "AUTO"


class ScriptOutput(task.Output, frozen=True):
    """What a script task leaves behind; kept when it fails, too."""

    vars: Annotated[dict[str, Any], Meta(description="Outputs that the script reported.")]
    exit_code: Annotated[int, Meta(description="Exit code of the process.")]
    output_files: Annotated[dict[str, str], Meta(description="Relative path to URI of each kept file.")]
    task_runner: Annotated[dict[str, Any] | None, Meta(description="What is known of where it ran.")] = None
    std_out_line_count: Annotated[int, Meta(description="Lines of standard output.")] = 0
    std_err_line_count: Annotated[int, Meta(description="Lines of standard error.")] = 0


class ScriptTask(RunnableTask):
    """Base of `Script` and `Commands` of every language."""

    language: ClassVar[Language]

    task_runner: Annotated[AnyRunner | None, Meta(description="Where the script runs.")] = None
    container_image: Annotated[str | None, Meta(description="Image for runners that use containers.")] = None
    before_commands: Annotated[
        list[str], Meta(description="Commands that run first, in the same shell.")
    ] = []
    interpreter: Annotated[
        list[str] | None, Meta(description="Program and arguments that take the text.")
    ] = None
    fail_fast: Annotated[bool, Meta(description="Stop at the first command that fails.")] = True
    env: Annotated[dict[str, Any] | None, Meta(description="Environment variables.")] = None
    input_files: Annotated[
        dict[str, Any] | str | None, Meta(description="Files to write first: path to content or URI.")
    ] = None
    output_files: Annotated[list[str], Meta(description="Globs of files to keep.")] = []
    namespace_files: Annotated[dict[str, Any] | None, Meta(description="Namespace files to copy first.")] = (
        None
    )
    output_directory: Annotated[bool, Meta(description="Keep everything below `{{ outputDir }}`.")] = False
    target_os: TargetOs = msgspec.field(default=TargetOs.AUTO, name="targetOS")
    warning_on_std_err: Annotated[bool | None, Meta(description="Accepted and without effect.")] = None
    runner: Annotated[OlderRunner | None, Meta(description="Older form of `taskRunner`.")] = None
    docker: Annotated[dict[str, Any] | None, Meta(description="Older form of a Docker runner's options.")] = (
        None
    )

    @classmethod
    def own_names(cls, properties: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        """`outputDir` and `outputFiles`."""
        names: dict[str, Any] = {}
        if as_text(properties.get("outputDirectory", False)) == "true" or properties.get("runner"):
            output_dir = folder / ids.random_id()
            output_dir.mkdir()
            names["outputDir"] = str(output_dir)
        declared = properties.get("outputFiles")
        if isinstance(declared, list):
            plain = [
                each for each in declared if isinstance(each, str) and not set(each) & set(_GLOB_SIGNS + "}:")
            ]
            names["outputFiles"] = {name: str(place) for name, place in places(folder, plain).items()}
        return names

    async def run(self, ctx: RunContext) -> ScriptOutput:
        """Place files, run the text, keep files, report."""
        folder = ctx.files.working_dir
        await ctx.files.place_namespace_files(self.namespace_files)
        await ctx.files.place(self.input_files)
        runner = await choose_runner(self, ctx)
        listener = Listener(ctx)
        scratch = Scratch(ctx, folder)
        try:
            result = await self.perform(ctx, runner, listener, scratch)
        finally:
            await scratch.remove()
        kept = await ctx.files.collect(self.output_files)
        if (output_dir := ctx.names.get("outputDir")) is not None:
            kept |= await ctx.files.collect_below(Path(output_dir))
        output = ScriptOutput(
            vars=listener.vars,
            exit_code=result.exit_code,
            output_files=kept,
            task_runner=result.details or None,
            std_out_line_count=listener.stdout_lines,
            std_err_line_count=listener.stderr_lines,
        )
        if result.exit_code != 0:
            raise TaskFailed(f"Command failed with exit code {result.exit_code}", output)
        return output

    async def perform(
        self, ctx: RunContext, runner: TaskRunner, listener: Listener, scratch: Scratch
    ) -> RunnerResult:
        """Build the program's text and environment, and run it."""
        prepared = await self.prepare(ctx, runner)
        lines = [*prepared.before, *self.before_commands, *await self.lines(scratch)]
        windows = self.target_os is TargetOs.WINDOWS
        if self.fail_fast and not windows:
            lines.insert(0, self.language.fail_fast)
        text = await scratch.with_local_files(("\r\n" if windows else "\n").join(lines))
        interpreter = self.interpreter or list(self.language.interpreter)
        if len(text.encode()) > _MOST_ARGUMENT_BYTES and interpreter[-1] == "-c":
            interpreter, text = interpreter[:-1], await scratch.file(text, ".sh")
        return await runner.run(
            ctx,
            Command(
                argv=[*interpreter, text],
                env=self.environment(ctx) | prepared.env,
                folder=ctx.files.working_dir,
                on_stdout=listener.stdout,
                on_stderr=listener.stderr,
                container_image=self.container_image or self.language.image,
                output_files=tuple(self.output_files),
                output_dir=Path(ctx.names["outputDir"]) if "outputDir" in ctx.names else None,
            ),
        )

    async def prepare(self, ctx: RunContext, runner: TaskRunner) -> Prepared:
        """What the language needs before the script can run; nothing for most."""
        return Prepared()

    async def lines(self, scratch: Scratch) -> list[str]:
        """The commands of the task."""
        raise NotImplementedError

    def environment(self, ctx: RunContext) -> dict[str, str]:
        """Variables that the script gets beside the runner's own."""
        env = dict(self.language.env)
        env["WORKING_DIR"] = str(ctx.files.working_dir)
        if "outputDir" in ctx.names:
            env["OUTPUT_DIR"] = str(ctx.names["outputDir"])
        return env | {name: as_text(value) for name, value in (self.env or {}).items()}


class Prepared(msgspec.Struct, frozen=True):
    """What a language adds to a run."""

    before: list[str] = []
    env: dict[str, str] = {}


class Script(ScriptTask, kw_only=True):
    """Base of tasks that run one text in a language."""

    script: Annotated[str, Meta(description="The text of the script.")]

    async def lines(self, scratch: Scratch) -> list[str]:
        """The text itself, or what runs the file that holds it."""
        return await script_lines(self.language, self.script, scratch)


class Commands(ScriptTask, kw_only=True):
    """Base of tasks that run commands in one shell."""

    commands: Annotated[list[str], Meta(description="Commands; they share one shell.")]

    async def lines(self, scratch: Scratch) -> list[str]:
        """The commands as they are."""
        return list(self.commands)


async def script_lines(language: Language, script: str, scratch: Scratch) -> list[str]:
    """The commands that run a script: the text itself, or what runs the file that holds it."""
    if not language.run:
        return [script]
    path = await scratch.file(await scratch.with_local_files(script), language.suffix)
    return [f"{language.run} {shlex.quote(path)}"]


def places(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Where files and folders lie; a name that leads elsewhere has no place, and fails the task later."""
    found = {}
    for name in names:
        with suppress(InvalidRequest):
            found[name] = inside(folder, name)
    return found


class Scratch:
    """Files that exist for the run only: the script itself, and stored files that its text names."""

    def __init__(self, ctx: RunContext, folder: Path) -> None:
        self._ctx = ctx
        self._folder = folder
        self._files: dict[str, Path] = {}

    async def file(self, content: str, suffix: str) -> str:
        """Write a file into the working directory, where a script finds its neighbours, and give its path."""
        path = self._folder / f"{ids.random_id()}{suffix}"
        self._files[path.name] = path
        await asyncio.to_thread(path.write_text, content, encoding="utf-8")
        return str(path)

    async def with_local_files(self, text: str) -> str:
        """The text with every `kestra:///` URI replaced by the path of a local copy (plugins spec B2.5)."""
        for uri in sorted(set(_STORED_FILE.findall(text)), key=len, reverse=True):
            if uri not in self._files:
                path = self._folder / f"{ids.random_id()}{Path(uri).suffix}"
                self._files[uri] = path
                await self._ctx.files.fetch(uri, path)
            text = text.replace(uri, str(self._files[uri]))
        return text

    async def remove(self) -> None:
        """Delete them, before output files are looked for."""
        for path in self._files.values():
            await asyncio.to_thread(path.unlink, missing_ok=True)
