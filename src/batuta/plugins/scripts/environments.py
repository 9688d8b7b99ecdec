"""Environments of Python scripts: one per interpreter and set of requirements, built once, used often."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin.context import RunContext

_WAIT_SECONDS = 0.05
_READY = ".ready"
_SAME_FOR_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_NO_INDEX": "UV_NO_INDEX",
}
"""Settings that people have made for pip, under the names that uv reads."""

_ABOUT = (
    "import json, sys; print(json.dumps({'executable': sys.executable, 'version': sys.version, "
    "'isolated': sys.prefix != sys.base_prefix}))"
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a script needs."""

    dependencies: tuple[str, ...] = ()
    python: str | None = None
    uses_pip: bool = False
    shared: bool = True


class Place(msgspec.Struct, frozen=True):
    """What to put before PATH, and the environment's folder; None where the machine's own will do."""

    bin: Path | None = None
    virtual_env: Path | None = None


class Interpreter(msgspec.Struct, frozen=True):
    """A Python on this machine."""

    executable: str
    version: str
    isolated: bool


_interpreters: dict[str, Interpreter] = {}
"""What was learnt of interpreters, by the path under which they were found; versions of shims only."""


async def ready(ctx: RunContext, wanted: Wanted) -> Place:
    """A place where `python` is the wanted interpreter and the dependencies can be imported.

    Raises:
        TaskError: there is no such Python, or the dependencies cannot be resolved.
    """
    interpreter = None if wanted.python else await default_interpreter(ctx)
    if not wanted.dependencies and interpreter is not None:
        return await _links(ctx, interpreter)
    about = "" if interpreter is None else await asyncio.to_thread(_fingerprint, interpreter)
    identity = json.dumps([about, wanted.python, *wanted.dependencies])
    key = hashlib.blake2b(f"{identity}{wanted.uses_pip}".encode(), digest_size=16).hexdigest()
    python = wanted.python or (interpreter.executable if interpreter else sys.executable)
    if not wanted.shared:
        folder = ctx.files.working_dir / f".environment-{ids.random_id()}"
        await _build(ctx, wanted, python, folder)
    else:
        folder = ctx.files.cache_dir / "environments" / key
        if not (folder / _READY).exists():
            async with _alone(folder.with_suffix(".lock")):
                if not (folder / _READY).exists():
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                    await _build(ctx, wanted, python, folder)
                    (folder / _READY).touch()
    return Place(folder / "bin", folder)


async def default_interpreter(ctx: RunContext) -> Interpreter:
    """The Python that scripts find here: `python3` or `python` of the path, else the worker's own."""
    path = ctx.processes.environment().get("PATH", os.defpath)
    found = shutil.which("python3", path=path) or shutil.which("python", path=path) or sys.executable
    if found not in _interpreters and not await asyncio.to_thread(_is_shim, Path(found)):
        isolated = (Path(found).parent.parent / "pyvenv.cfg").exists()
        _interpreters[found] = Interpreter(found, "", isolated)
    if found not in _interpreters:
        lines: list[str] = []
        code = await ctx.processes.run(
            [found, "-c", _ABOUT], folder=Path("/"), env={}, on_stdout=lines.append, on_stderr=ctx.log.debug
        )
        if code != 0 or not lines:
            raise TaskError(
                f"`{found}` does not work on this worker", mend="install Python 3, or fix the PATH"
            )
        _interpreters[found] = msgspec.json.decode(lines[-1], type=Interpreter)
    return _interpreters[found]


def _fingerprint(interpreter: Interpreter) -> str:
    """Changes when another version is installed in the interpreter's place."""
    about = os.stat(os.path.realpath(interpreter.executable))
    return f"{interpreter.executable} {interpreter.version} {about.st_size} {about.st_mtime_ns}"


def _is_shim(program: Path) -> bool:
    """A script that looks for the real interpreter each time it is called."""
    with program.open("rb") as file:
        return file.read(2) == b"#!"


async def _links(ctx: RunContext, interpreter: Interpreter) -> Place:
    """Where `python` and `python3` are this interpreter; the path may lack a name or lead to a shim."""
    executable = Path(interpreter.executable)
    if (executable.parent / "python").exists() and (executable.parent / "python3").exists():
        return Place(executable.parent)
    if interpreter.isolated:
        return Place(executable.parent)
    name = hashlib.blake2b(interpreter.executable.encode(), digest_size=8).hexdigest()
    folder = ctx.files.cache_dir / "interpreters" / name
    if not folder.exists():
        await asyncio.to_thread(_make_links, folder, executable)
    return Place(folder)


def _make_links(folder: Path, executable: Path) -> None:
    new = folder.with_name(f"{folder.name}-{ids.random_id()}")
    new.mkdir(parents=True)
    for name in ("python", "python3"):
        (new / name).symlink_to(executable)
    try:
        new.rename(folder)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)


async def _build(ctx: RunContext, wanted: Wanted, python: str, folder: Path) -> None:
    import uv

    binary = uv.find_uv_bin()
    env = _uv_environment(ctx)
    seed = ["--seed"] if wanted.uses_pip else []
    await _run(ctx, [binary, "venv", "--no-project", "--python", python, *seed, str(folder)], env)
    if not wanted.dependencies:
        return
    inside = str(folder / "bin" / "python")
    if wanted.uses_pip:
        await _run(ctx, [inside, "-m", "pip", "install", *wanted.dependencies], env)
    else:
        await _run(ctx, [binary, "pip", "install", "--python", inside, *wanted.dependencies], env)
    ctx.log.info(f"Installed {', '.join(wanted.dependencies)}")


async def _run(ctx: RunContext, argv: list[str], env: dict[str, str]) -> None:
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        ctx.log.debug(line)

    code = await ctx.processes.run(argv, folder=Path("/"), env=env, on_stdout=hear, on_stderr=hear)
    if code != 0:
        raise TaskError(
            "The Python environment could not be made:\n" + "\n".join(said[-20:]),
            mend="check `dependencies` and `pythonVersion`, and the way to the package index",
        )


def _uv_environment(ctx: RunContext) -> dict[str, str]:
    there = ctx.processes.environment()
    env = {new: there[old] for old, new in _SAME_FOR_UV.items() if old in there and new not in there}
    return env | {"UV_NO_PROGRESS": "1", "VIRTUAL_ENV": ""}


@contextlib.asynccontextmanager
async def _alone(place: Path) -> AsyncIterator[None]:
    """Hold a lock against attempts of this process and of others."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle: Any = await asyncio.to_thread(open, place, "w")
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_WAIT_SECONDS)
        yield
    finally:
        handle.close()
