"""A process and everything that descends from it, found in `/proc`, and surely ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from batuta.worker.warden import MARK

_PROC = Path("/proc")
_LOOK_SECONDS = 0.01
_MOST_ROUNDS = 200
"""Times to look for members again after killing those that were found."""


class Family:
    """The descendants of one started process.

    Three signs are looked at, for each can be shaken off alone: the process group that the process leads, the
    mark in the environment, and the line of parents.
    """

    def __init__(self, leader: int, mark: str) -> None:
        self.leader = leader
        self._needle = f"{MARK}={mark}\0".encode()
        self._seen: set[tuple[int, int]] = set()
        """Members met so far, as pid and start time: a known one stays a member when its parents are gone."""

    def group_is_empty(self) -> bool:
        """No process is left in the leader's group; one that has left the group is not noticed."""
        try:
            os.killpg(self.leader, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def members(self) -> list[int]:
        """Pids of all that live."""
        if sys.platform != "linux":
            return [] if self.group_is_empty() else [self.leader]
        parents: dict[int, int] = {}
        births: dict[int, int] = {}
        found: set[int] = set()
        for entry in os.scandir(_PROC):
            if not entry.name.isdigit():
                continue
            pid = int(entry.name)
            try:
                stat = Path(entry.path, "stat").read_bytes()
            except OSError:
                continue
            fields = stat[stat.rindex(b")") + 2 :].split()
            if fields[0] in (b"Z", b"X"):
                continue
            parents[pid] = int(fields[1])
            births[pid] = int(fields[19])
            in_group = self.leader in (int(fields[2]), int(fields[3]))
            if in_group or (pid, births[pid]) in self._seen or self._is_marked(entry.path):
                found.add(pid)
        grown = True
        while grown:
            below = {pid for pid, parent in parents.items() if parent in found and pid not in found}
            found |= below
            grown = bool(below)
        found.discard(os.getpid())
        self._seen = {(pid, births[pid]) for pid in found}
        return sorted(found)

    def _is_marked(self, place: str) -> bool:
        try:
            with open(place + "/environ", "rb") as environ:
                return self._needle in environ.read() + b"\0"
        except OSError:
            return False

    async def end(self, grace_seconds: float) -> None:
        """Ask all members to end, then end them. Returns when none is left."""
        members = await asyncio.to_thread(self.members)
        if members and grace_seconds > 0:
            self._signal(members, signal.SIGTERM)
            self._signal(members, signal.SIGCONT)
            loop = asyncio.get_running_loop()
            deadline = loop.time() + grace_seconds
            pause = _LOOK_SECONDS
            while members and loop.time() < deadline:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.1)
                members = await asyncio.to_thread(self.members)
        for _ in range(_MOST_ROUNDS):
            if not members:
                return
            self._signal(members, signal.SIGKILL)
            await asyncio.sleep(_LOOK_SECONDS)
            members = await asyncio.to_thread(self.members)

    def _signal(self, pids: list[int], number: signal.Signals) -> None:
        """Signal the group at one blow, so that none of it can slip away, and then each that has left it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.leader, number)
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self.leader:
                    os.kill(pid, number)
