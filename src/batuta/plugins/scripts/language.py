"""Languages of scripts: what a file is called, what runs it, and which image has it (plugins spec B5)."""

from __future__ import annotations

import msgspec


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """One language."""

    name: str
    image: str
    """Container image by default."""
    suffix: str = ""
    run: str = ""
    """What runs a file; the file's path is put behind it. Empty: the text goes to the interpreter itself."""
    interpreter: tuple[str, ...] = ("/bin/sh", "-c")
    """Program and arguments before the text of the commands."""
    fail_fast: str = "set -e"
    """First command of a text that shall end with the first failure."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables that every script of the language gets."""


SHELL = Language(name="shell", image="ubuntu")
PYTHON = Language(
    name="Python",
    image="python:3.13-slim",
    suffix=".py",
    run="python",
    env=(
        ("PYTHONUNBUFFERED", "true"),
        ("PIP_ROOT_USER_ACTION", "ignore"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ),
)
NODE = Language(name="Node", image="node", suffix=".js", run="node")
R = Language(name="R", image="r-base", suffix=".R", run="Rscript")
RUBY = Language(name="Ruby", image="ruby", suffix=".rb", run="ruby")
JULIA = Language(name="Julia", image="julia", suffix=".jl", run="julia")
GO = Language(name="Go", image="golang", suffix=".go", run="go run")
BUN = Language(name="Bun", image="oven/bun", suffix=".ts", run="bun run")
DENO = Language(name="Deno", image="denoland/deno", suffix=".ts", run="deno run")
PERL = Language(name="Perl", image="perl", suffix=".pl", run="perl")
PHP = Language(name="PHP", image="php", suffix=".php", run="php")
LUA = Language(name="Lua", image="nickblah/lua", suffix=".lua", run="lua")
GROOVY = Language(name="Groovy", image="groovy", suffix=".groovy", run="groovy")
POWERSHELL = Language(
    name="PowerShell",
    image="ghcr.io/kestra-io/powershell:latest",
    suffix=".ps1",
    run="&",
    interpreter=("pwsh", "-NoProfile", "-NonInteractive", "-Command"),
    fail_fast='$ErrorActionPreference = "Stop"',
)
