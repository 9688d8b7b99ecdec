"""Processes of the program: started, waited for by what they print, and surely ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

import httpx

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
"""How long a test waits for something that takes a second on an idle machine."""


def environment(**extra: str) -> dict[str, str]:
    """The environment of a user who has set nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATUTA_")}
    return {**kept, **extra}


def batuta(*arguments: str | Path, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "batuta", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**env),
        timeout=PATIENCE_SECONDS,
        check=False,
    )


class Program:
    """A process that goes on until it is told to stop."""

    def __init__(self, *command: str | Path, cwd: Path | None = None) -> None:
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=environment(PYTHONUNBUFFERED="1"),
        )
        self.printed: list[str] = []
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def wait_for(self, text: str) -> str:
        """The first line from now on that contains a text."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE_SECONDS)
            except Empty:
                line = ""
            if not line:
                raise AssertionError(f"`{text}` was not printed, but:\n{''.join(self.printed)}")
            self.printed.append(line)
            if text in line:
                return line

    def send(self, which: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(which)

    def end(self) -> int:
        """Wait for the end, and give the exit code."""
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        while not self._lines.empty():
            self.printed.append(self._lines.get())
        return code

    @property
    def text(self) -> str:
        """Everything that was printed up to what was waited for."""
        return "".join(self.printed)

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.end()


@contextmanager
def started(*command: str | Path, cwd: Path | None = None) -> Iterator[Program]:
    """A program, for as long as the block lasts."""
    program = Program(*command, cwd=cwd)
    try:
        yield program
    finally:
        program.close()


class Server(Program):
    """`batuta server local` on a free port."""

    def __init__(self, data: Path, *options: str | Path) -> None:
        super().__init__(
            sys.executable, "-m", "batuta", "server", "local", "--port", "0", "--data", data, *options
        )
        self.url = self.wait_for("ready at").split()[-1]
        self.api = httpx.Client(base_url=f"{self.url}/api/v1/main/", timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        """End it, and the connections to it."""
        self.api.close()
        super().close()


@contextmanager
def serving(data: Path, *options: str | Path) -> Iterator[Server]:
    """A server, for as long as the block lasts."""
    server = Server(data, *options)
    try:
        yield server
    finally:
        server.close()
