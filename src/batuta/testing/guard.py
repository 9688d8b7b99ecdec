"""Keeps what a test runs from reaching the network and from starting processes.

Python tells every connection and every new process to audit hooks before it happens; ours asks whether the
code that is running belongs to a watched attempt. What libraries in native code do is not told: task types
that need such a library are not run at all, unless the network is allowed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import NoReturn

import msgspec

from batuta.errors import TaskError


class Reach(StrEnum):
    """What lies outside of a test."""

    NETWORK = "network"
    PROCESSES = "processes"
    SERVER = "server"


SWITCHES = {Reach.NETWORK: "--allow-network", Reach.PROCESSES: "--allow-processes"}
"""Options of `batuta test` that let a test out."""

_DOES = {
    Reach.NETWORK: "would reach the network, which is blocked in tests",
    Reach.PROCESSES: "would start a process, which is blocked in tests",
    Reach.SERVER: "would look at or change what only a server has",
}

_EVENTS = {
    "socket.connect": Reach.NETWORK,
    "socket.sendto": Reach.NETWORK,
    "socket.sendmsg": Reach.NETWORK,
    "socket.getaddrinfo": Reach.NETWORK,
    "socket.gethostbyname": Reach.NETWORK,
    "subprocess.Popen": Reach.PROCESSES,
    "os.system": Reach.PROCESSES,
    "os.exec": Reach.PROCESSES,
    "os.fork": Reach.PROCESSES,
    "os.forkpty": Reach.PROCESSES,
    "os.posix_spawn": Reach.PROCESSES,
    "os.spawn": Reach.PROCESSES,
    "pty.spawn": Reach.PROCESSES,
}

LOCAL_EXTRAS = frozenset({"duckdb"})
"""Optional libraries that work on the files of a task; all others are taken for clients of a service."""
LOCAL_TYPES = tuple(f"io.kestra.plugin.{family}." for family in ("compress", "crypto", "serdes", "transform"))
"""Beginnings of the names of task types that work on the files of a task, whatever library they need."""


class Blocked(PermissionError):
    """The code of a test reached out and was held back. An `OSError`, for which libraries are prepared."""


class Needed(msgspec.Struct, frozen=True):
    """A fixture that a test lacks, and why."""

    subject: str
    """`task (type)`, or the function of an expression."""
    task_id: str | None
    reach: Reach

    @property
    def message(self) -> str:
        """What happened."""
        return f"{self.subject} {_DOES[self.reach]}"

    @property
    def mend(self) -> str:
        """What to do about it."""
        switch = SWITCHES.get(self.reach)
        allowing = f", or allow it with `{switch}`" if switch else ""
        if self.task_id is None:
            return f"give the task that uses it a fixture{allowing}"
        fixture = f"fixtures: {{tasks: [{{id: {self.task_id}, outputs: {{...}}}}]}}"
        return f"say what it gives with `{fixture}`{allowing}"


class Watch:
    """What one attempt may do, and what it was kept from. Attributes: `needed`, the fixtures it lacks."""

    def __init__(self, task_id: str | None, subject: str, allowed: frozenset[Reach]) -> None:
        self.task_id = task_id
        self.subject = subject
        self.allowed = allowed
        self.needed: list[Needed] = []

    def ask(self, reach: Reach) -> None:
        """Let the code reach out, or not.

        Raises:
            Blocked: it may not.
        """
        if reach in self.allowed:
            return
        needed = Needed(self.subject, self.task_id, reach)
        if needed not in self.needed:
            self.needed.append(needed)
        raise Blocked(needed.message)

    def refuse_client(self, type_name: str, extra: str | None) -> None:
        """Keep a task from running whose library cannot be watched.

        Raises:
            TaskError: it needs one that may reach the network, which is not allowed.
        """
        if extra is None or extra in LOCAL_EXTRAS or type_name.startswith(LOCAL_TYPES):
            return
        try:
            self.ask(Reach.NETWORK)
        except Blocked as blocked:
            raise TaskError(str(blocked), mend=self.needed[-1].mend) from None


_watch: ContextVar[Watch | None] = ContextVar("batuta_test_watch", default=None)
_watches: list[Watch] = []
"""Those of all attempts under way, the newest last."""
_installed = False
_is_ours = False


def refuse_server() -> NoReturn:
    """Tell the attempt that is running that a test has no server around it.

    Raises:
        TaskError: always.
    """
    watch = _watch.get() or Watch(None, "this", frozenset())
    try:
        watch.ask(Reach.SERVER)
    except Blocked as blocked:
        raise TaskError(str(blocked), mend=watch.needed[-1].mend) from None
    raise TaskError("a test has no server around it")


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """What runs in this context, and in the tasks and threads that it starts, is held back."""
    global _installed
    if not _installed:
        # A hook cannot be taken away again; without a watch it costs a look at a name.
        sys.addaudithook(_hear)
        _installed = True
    token = _watch.set(watch)
    _watches.append(watch)
    try:
        yield
    finally:
        _watches.remove(watch)
        _watch.reset(token)


def take_process() -> None:
    """Nothing but tests runs in this process: threads that belong to no attempt are held back as well.

    Libraries that start threads of their own do not hand on the context in which they do.
    """
    global _is_ours
    _is_ours = True


def _hear(event: str, _: object) -> None:
    reach = _EVENTS.get(event)
    if reach is None:
        return
    watch = _watch.get()
    if watch is None and _is_ours and _watches and threading.current_thread() is not threading.main_thread():
        watch = _watches[-1]
    if watch is not None:
        watch.ask(reach)
