"""A server of its own for a bench: started, watched, stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """`batuta server local` on an empty folder."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(dir=".", prefix="bench-")
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "batuta",
                "server",
                "local",
                "--port",
                str(self.port),
                "--data",
                self._folder.name,
            ],
            stdout=subprocess.DEVNULL,
            # Scripts take the first `python3`; a version manager's stand-in would be measured else.
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )

    def wait(self, seconds: float = 20) -> None:
        """Until it answers."""
        while time.perf_counter() - self.began < seconds:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with {self._process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.005)
        raise TimeoutError("the server does not answer")

    @property
    def memory_mib(self) -> float:
        """Resident memory now."""
        return self._status("VmRSS") / 1024

    @property
    def peak_mib(self) -> float:
        """Most resident memory since the start."""
        return self._status("VmHWM") / 1024

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise KeyError(name)

    @property
    def cpu_seconds(self) -> float:
        """Processor time since the start."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_percent(self, seconds: float) -> float:
        """Share of one core over a time."""
        before = self.cpu_seconds
        time.sleep(seconds)
        return (self.cpu_seconds - before) / seconds * 100

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def stop(self) -> None:
        """End the process."""
        self.__exit__()
