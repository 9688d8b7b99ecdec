"""Child processes: started in their own session, their output read line by line, and surely ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from batuta.errors import TaskError
from batuta.plugin.context import OnLine
from batuta.worker.family import Family
from batuta.worker.insisting import to_its_end
from batuta.worker.warden import MARK, Warden

_OWN_PREFIXES = ("SECRET_", "KESTRA_", "BATUTA_")
"""Variables of the server itself; scripts do not inherit them (plugins spec B6.1)."""

_CHUNK_BYTES = 65_536
MOST_LINE_BYTES = 8 * 1024 * 1024
"""What is kept of a line; the rest up to the line's end is dropped, so that a line cannot fill the memory."""

_LINGER_SECONDS = 0.5
"""How long descendants may go on writing after the program itself has ended."""


def inherited() -> dict[str, str]:
    """The environment of this process, less what is the server's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIXES)}


class ChildProcesses:
    """The processes of one attempt. `room` is awaited between chunks of output: a slow log slows a script."""

    def __init__(self, warden: Warden, grace_seconds: float, room: Callable[[], Awaitable[None]]) -> None:
        self._warden = warden
        self._grace_seconds = grace_seconds
        self._room = room

    def environment(self) -> dict[str, str]:
        """The worker's environment as processes see it."""
        return inherited()

    async def run(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        on_stdout: OnLine,
        on_stderr: OnLine,
    ) -> int:
        """Run a program to its end and give its exit code. See `plugin.context.Processes`."""
        mark = self._warden.mark()
        program = _start(argv, folder, {**inherited(), **env, MARK: mark})
        assert program.stdout is not None
        assert program.stderr is not None
        family = Family(program.pid, mark)
        readers = [
            asyncio.ensure_future(self._read(program.stdout, on_stdout)),
            asyncio.ensure_future(self._read(program.stderr, on_stderr)),
        ]
        try:
            await _exit_of(program)
            _, still_reading = await asyncio.wait(readers, timeout=_LINGER_SECONDS)
        except asyncio.CancelledError:
            await to_its_end(self._clear(program, family, readers))
            raise
        if still_reading or not family.group_is_empty():
            await to_its_end(self._clear(program, family, readers))
        self._warden.ended(mark)
        for reader in readers:
            if not reader.cancelled():
                reader.result()
        code = program.returncode
        return code if code >= 0 else 128 - code

    async def _clear(
        self, program: subprocess.Popen[bytes], family: Family, readers: Sequence[asyncio.Future[None]]
    ) -> None:
        """End what still lives; output that is on its way is read while the processes get their grace."""
        await family.end(self._grace_seconds)
        _, still_reading = await asyncio.wait(readers, timeout=_LINGER_SECONDS)
        for reader in still_reading:
            reader.cancel()
        if still_reading:
            await asyncio.wait(still_reading)
        await asyncio.to_thread(program.wait)

    async def _read(self, pipe: Any, on_line: OnLine) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_CHUNK_BYTES)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            lines = Lines()
            while chunk := await reader.read(_CHUNK_BYTES):
                for line in lines.feed(chunk):
                    on_line(line)
                await self._room()
            for line in lines.rest():
                on_line(line)
        finally:
            transport.close()


class Lines:
    """Bytes in, whole lines out: UTF-8 with replacement, `\\n` or `\\r\\n` taken off."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._kept = 0
        self._dropped = 0

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that end in this chunk."""
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            self._keep(chunk)
            return []
        first, newline, others = head.partition(b"\n")
        self._keep(first)
        lines = [self._line()]
        if newline:
            text = others.decode("utf-8", "replace")
            lines += [line.removesuffix("\r") for line in text.split("\n")]
        self._keep(tail)
        return lines

    def rest(self) -> list[str]:
        """The last line, when it has no line end."""
        return [self._line()] if self._kept else []

    def _keep(self, part: bytes) -> None:
        room = MOST_LINE_BYTES - self._kept
        if len(part) > room:
            self._dropped += len(part) - room
            part = part[:room]
        if part:
            self._parts.append(part)
            self._kept += len(part)

    def _line(self) -> str:
        line = b"".join(self._parts).decode("utf-8", "replace").removesuffix("\r")
        if self._dropped:
            line += f" ... {self._dropped} more bytes"
        self._parts, self._kept, self._dropped = [], 0, 0
        return line


def _start(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
    except FileNotFoundError:
        raise TaskError(
            f"`{argv[0]}` is not installed on this worker",
            mend=f"install `{argv[0]}`, or name an interpreter or a task runner that has it",
        ) from None
    except (OSError, ValueError) as error:
        raise TaskError(f"`{argv[0]}` cannot be started: {error}") from None


async def _exit_of(program: subprocess.Popen[bytes]) -> None:
    """Wait until the program has ended."""
    loop = asyncio.get_running_loop()
    try:
        handle = os.pidfd_open(program.pid)
    except (AttributeError, OSError):
        while program.poll() is None:  # noqa: ASYNC110 - this system has no handle to wait for
            await asyncio.sleep(0.01)
        return
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(handle, _settle, ended)
    try:
        await ended
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    program.wait()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
