"""A server of the machine as a child process: started on a free port, killed, started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

START_SECONDS = 60.0


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def program(name: str, *folders: str) -> str:
    """The path of an installed server; without it the test cannot run."""
    found = shutil.which(
        name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin", *folders])
    )
    if found is None:
        pytest.fail(f"{name} is not installed: run `make install`, or install the package of that name")
    return found


class Broker:
    """One server. Its data outlive it: `start` after `kill` is the same server again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What it needs besides the environment of the tests."""
        return {}

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = self._spawned()
        async with asyncio.timeout(START_SECONDS):
            while not await self.answers():
                if self._process.poll() is not None:
                    text = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                    pytest.fail(f"{self.command()[0]} did not start:\n{text}")
                await asyncio.sleep(0.05)

    def _spawned(self) -> subprocess.Popen[bytes]:
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def answers(self) -> bool:
        """It takes connections."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        """End it at once, as a crash does."""
        await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: connections stay, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, what)

    async def stop(self) -> None:
        """End it."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        self.thaw()
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, how)
        try:
            await asyncio.to_thread(process.wait, 15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
