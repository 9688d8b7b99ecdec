"""A server of another project, started for tests: as an unprivileged user, on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

PATIENCE_SECONDS = 60.0
"""How long a start may take that takes a second on an idle machine."""
_USERS = ("postgres", "mysql", "nobody")


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def user_for(name: str) -> pwd.struct_passwd | None:
    """Whom to be: servers refuse to be root. None for whoever we are."""
    if os.geteuid() != 0:
        return None
    for each in (name, *_USERS):
        try:
            return pwd.getpwnam(each)
        except KeyError:
            continue
    raise AssertionError(f"root cannot start a server, and there is none of the users {_USERS}")


class Folder:
    """A folder that belongs to a user; removed at the end."""

    def __init__(self, user: pwd.struct_passwd | None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="batuta-service-"))
        if user is not None:
            os.chown(self.path, user.pw_uid, user.pw_gid)

    def remove(self) -> None:
        """Take it away."""
        shutil.rmtree(self.path, ignore_errors=True)


def run_as(user: pwd.struct_passwd | None, command: Sequence[str | Path]) -> None:
    """Run a program to its end; what it said is shown when it fails."""
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        **_identity(user),
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}{done.stderr}"


def _identity(user: pwd.struct_passwd | None) -> dict[str, object]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Daemon:
    """A running server, known by its pid."""

    def __init__(self, command: Sequence[str | Path], *, user: pwd.struct_passwd | None, ready: str) -> None:
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **_identity(user),
        )
        self.printed: list[str] = []
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(ready)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, text: str) -> str:
        """The first line from now on that contains a text."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE_SECONDS)
            except Empty:
                line = None
            if line is None:
                raise AssertionError(f"`{text}` was not printed, but:\n{''.join(self.printed)}")
            self.printed.append(line)
            if text in line:
                return line

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(by)
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(PATIENCE_SECONDS)
