"""A Docker engine for tests, as Debian has it, with images made of this machine's programs.

The engine has its own folder and socket, changes no rules of the firewall and makes no network of its own:
containers have none, or that of the machine (`networkMode: host`). Only root may start it. No registry is
asked: an image is a shell and a few programs, and maybe the Python that runs the tests, with the libraries
that they need, at the places where they are here.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx

from tests.support.services.daemon import Daemon

API = "http://docker/v1.41"
TOOLS = (
    *("cat", "chmod", "chown", "cp", "date", "echo", "env", "false", "head", "id", "ln", "ls", "mkdir", "mv"),
    *("nproc", "printf", "pwd", "rm", "sh", "sleep", "sort", "tail", "touch", "tr", "true", "wc"),
)
"""What an image has beside Python."""
_UNUSED = {
    "__pycache__",
    "idlelib",
    "lib2to3",
    "site-packages",
    "dist-packages",
    "test",
    "tkinter",
    "turtledemo",
}
"""Parts of the standard library that no script of a test needs."""
_PASSWD = "root:x:0:0::/root:/bin/sh\nsomebody:x:1000:1000::/home/somebody:/bin/sh\n"
_GROUP = "root:x:0:\nsomebody:x:1000:\n"


class Docker:
    """A running engine."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="batuta-docker-"))
        self.socket = self._folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        own = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        places = [f"--{name}={self._folder / place}" for name, place in own.items()]
        modest = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
        program = shutil.which("dockerd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        assert program is not None, "the tests need Docker: install the Debian package `docker.io`"
        self.daemon = Daemon(
            [program, *places, *modest, "--host", self.host], user=None, ready="API listen on"
        )
        self.api = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)), base_url=API, timeout=120
        )

    def load(self, name: str, *, changes: Iterable[str] = (), python: bool = False) -> None:
        """Have an image of this machine's programs under a name."""
        repository, _, tag = name.rpartition(":")
        path = "ENV PATH=/usr/local/bin:/usr/bin:/bin"
        asked = [("fromSrc", "-"), ("repo", repository), ("tag", tag)]
        asked += [("changes", each) for each in (path, *changes)]
        content = image(python=python)
        self.api.post("/images/create", params=asked, content=content).raise_for_status()

    def containers(self) -> list[dict[str, Any]]:
        """All containers, running or not."""
        found: list[dict[str, Any]] = self.api.get("/containers/json", params={"all": "true"}).json()
        return found

    def inspect(self, container: str) -> dict[str, Any]:
        """All about a container."""
        found: dict[str, Any] = self.api.get(f"/containers/{container}/json").json()
        return found

    def execute(self, container: str, *words: str) -> None:
        """Run a program in a running container, to its end."""
        asked = {"Cmd": words, "AttachStdout": True}
        made = self.api.post(f"/containers/{container}/exec", json=asked).raise_for_status().json()
        self.api.post(f"/exec/{made['Id']}/start", json={}).raise_for_status()

    def remove_containers(self) -> None:
        """Take all away."""
        for each in self.containers():
            self.api.delete(f"/containers/{each['Id']}", params={"force": "true", "v": "true"})

    def stop(self) -> None:
        """End it, and remove what it wrote."""
        self.remove_containers()
        self.api.close()
        self.daemon.stop(signal.SIGTERM)
        for place in _mounts_below(
            self._folder
        ):  # such as the network of the host, which the engine leaves behind
            subprocess.run(["umount", place], check=False, capture_output=True)
        shutil.rmtree(self._folder)


def _mounts_below(folder: Path) -> list[str]:
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [place for place in reversed(places) if place.startswith(f"{folder}/")]


def why_not() -> str | None:
    """Why no engine can be started here, or None."""
    if os.geteuid() != 0:
        return "only root may start a Docker engine"
    if not os.access("/sys/fs/cgroup", os.W_OK):
        return "the control groups of this machine may not be changed"
    return None


@contextmanager
def docker() -> Iterator[Docker]:
    """An engine, for as long as the block lasts."""
    engine = Docker()
    try:
        yield engine
    finally:
        engine.stop()


@cache
def image(*, python: bool) -> bytes:
    """The files of an image, as a tar archive: a shell and its tools, and maybe this machine's Python."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        put = _Archive(archive)
        for folder, mode in (("tmp", 0o1777), ("root", 0o700), ("home/somebody", 0o755), ("var/tmp", 0o1777)):
            put.folder(folder, mode)
        put.text("etc/passwd", _PASSWD)
        put.text("etc/group", _GROUP)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None, f"there is no `{tool}` on this machine"
            put.program(Path(found), f"bin/{tool}")
        put.program(Path("/usr/bin/env"), "usr/bin/env")
        if python:
            _put_python(put)
    return content.getvalue()


def _put_python(put: _Archive) -> None:
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    put.program(python, str(python).lstrip("/"))
    for name in ("python", "python3"):
        put.link(f"usr/local/bin/{name}", str(python))
    library = Path(sysconfig.get_path("stdlib"))
    packed = io.BytesIO()
    with ZipFile(packed, "w") as modules:  # one file instead of a thousand
        for path in sorted(library.rglob("*")):
            within = path.relative_to(library)
            if not path.is_file() or _UNUSED & set(within.parts) or within.parts[0].startswith("config-"):
                continue
            if path.suffix == ".so":
                put.program(path)
            elif path.suffix == ".py":
                modules.write(path, within)
    put.file(library / "os.py", str(library / "os.py").lstrip("/"))  # by which Python finds its home
    version = sysconfig.get_config_var("py_version_nodot")
    put.content(str(library.parent / f"python{version}.zip").lstrip("/"), packed.getvalue())
    import pip

    where = Path(pip.__file__).parent
    for path in sorted(where.rglob("*.*")):
        if path.is_file() and "__pycache__" not in path.parts:
            put.file(path, f"opt/pip/pip/{path.relative_to(where)}")
    run = '#!/bin/sh\nPYTHONPATH=/opt/pip${PYTHONPATH:+:$PYTHONPATH} exec python -m pip "$@"\n'
    put.text("usr/local/bin/pip", run, 0o755)


class _Archive:
    """An archive in which nothing comes twice."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._names: set[str] = set()

    def folder(self, name: str, mode: int = 0o755) -> None:
        self._parents(name)
        if name in self._names:
            return
        self._names.add(name)
        member = tarfile.TarInfo(name)
        member.type, member.mode = tarfile.DIRTYPE, mode
        self._archive.addfile(member)

    def _parents(self, name: str) -> None:
        above, _, _ = name.rpartition("/")
        if above:
            self.folder(above)

    def text(self, name: str, text: str, mode: int = 0o644) -> None:
        self.content(name, text.encode(), mode)

    def content(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._parents(name)
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), mode
        self._archive.addfile(member, io.BytesIO(content))

    def link(self, name: str, target: str) -> None:
        self._parents(name)
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, target
        self._archive.addfile(member)

    def file(self, path: Path, name: str) -> None:
        if name in self._names:
            return
        self._names.add(name)
        self._parents(name)
        real = path.resolve()
        member = tarfile.TarInfo(name)
        member.size, member.mode = real.stat().st_size, stat.S_IMODE(real.stat().st_mode) | 0o444
        with real.open("rb") as content:
            self._archive.addfile(member, content)

    def program(self, path: Path, name: str | None = None) -> None:
        """A program, or a library, with the libraries that it needs."""
        self.file(path, name or str(path).lstrip("/"))
        for library in _libraries(path.resolve()):
            self.file(library, str(library).lstrip("/"))


@cache
def _libraries(path: Path) -> tuple[Path, ...]:
    told = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
    words = (word for line in told.splitlines() for word in line.split())
    return tuple(
        dict.fromkeys(Path(word) for word in words if word.startswith("/") and not word.endswith(":"))
    )
