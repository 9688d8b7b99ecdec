"""Ends every script when the server is gone, however it went.

Each process that a worker starts carries a mark in its environment, and passes it on to its descendants. The
warden is a shell that waits on a pipe; the pipe ends when the server does, by `kill -9` too, and then the
warden kills whatever carries the server's mark.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from batuta import ids

MARK = "BATUTA_PROCESS"
"""Name of the environment variable that tells which worker started a process."""

_WATCH = """
read -r _
round=0
while [ $round -lt 50 ]; do
  found=
  for place in $(grep -lsF "$1" /proc/[0-9]*/environ 2>/dev/null); do
    pid=${place#/proc/}
    kill -KILL "${pid%/environ}" 2>/dev/null && found=1
  done
  [ -n "$found" ] || exit 0
  round=$((round + 1))
done
"""


class Warden:
    """One helper process per server, started with the first script."""

    def __init__(self) -> None:
        self._server = ids.random_id()
        self._numbers = itertools.count(1)
        self._shell: subprocess.Popen[bytes] | None = None
        self._ended: set[bytes] = set()

    def mark(self) -> str:
        """The mark of a new process; the warden is awake before this returns."""
        if (self._shell is None or self._shell.poll() is not None) and sys.platform == "linux":
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "batuta-warden", f"{MARK}={self._server}."],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                start_new_session=True,
            )
        return f"{self._server}.{next(self._numbers)}"

    def ended(self, mark: str) -> None:
        """The process of this mark has ended; `sweep` looks for what it may have left behind."""
        self._ended.add(mark.encode())

    async def sweep(self) -> None:
        """Kill what left its process group, its parents and its pipes, and so outlived its process.

        Looking through all processes takes too long to do it at every end.
        """
        marks, self._ended = self._ended, set()
        if marks:
            await asyncio.to_thread(_kill_marked, marks)

    def close(self) -> None:
        """Let the warden do its work and go."""
        if self._shell is not None:
            assert self._shell.stdin is not None
            self._shell.stdin.close()
            try:
                self._shell.wait(5)
            except subprocess.TimeoutExpired:
                self._shell.kill()
                self._shell.wait()
            self._shell = None


def _kill_marked(marks: set[bytes]) -> None:
    name = f"{MARK}=".encode()
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            pairs = place.read_bytes().split(b"\0")
            if any(pair.startswith(name) and pair.removeprefix(name) in marks for pair in pairs):
                os.kill(int(place.parent.name), signal.SIGKILL)
