"""A page that a reader follows: files to save, commands to type, and what they print.

A block that comes after a paragraph ending in "`name`:" is a file to save under that name. A `console` block
holds commands after `$ `, and below each what it prints. Of that, times of day, instants from 2026 on,
durations and ids may differ from run to run; an id that the page has shown stands for the real one in later
commands. A line of `...` stands for any lines, and `...` at the end of a line for the rest of it. Commands
that go on, such as a server, are ended after the page.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.docs.documents import blocks
from tests.journeys.processes import PATIENCE_SECONDS, Program, environment

GOES_ON = ("batuta server local", "python -m http.server", "python examples/hourly-api/station.py")
_ID = r"\b(?=[0-9A-Za-z]*[0-9])[0-9A-Za-z]{22}\b"
_VARYING = re.compile(
    rf"(?P<id>{_ID})"
    r"|(?P<instant>20(?:2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"
    r"|(?P<time>\b\d\d:\d\d:\d\d\.\d{3}\b)"
    r"|(?P<duration>\b\d+(?:\.\d+)? (?:ms|s|min)\b)"
    r"|(?P<space> {2,})"
)
_ANY = {
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "time": r"\d\d:\d\d:\d\d\.\d{3}",
    "duration": r"\d+(?:\.\d+)? (?:ms|s|min)",
    "space": r" +",
}


class Save(NamedTuple):
    """A file that the reader saves."""

    name: str
    text: str


class Command(NamedTuple):
    """A command, with what the page says that it prints."""

    line: str
    shown: str
    place: str


def steps(page: Path) -> Iterator[Save | Command]:
    """What the reader does, in order."""
    lines = page.read_text().splitlines()
    for block in blocks(page):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, _, shown = part.partition("\n")
                while line.endswith("\\"):
                    more, _, shown = shown.partition("\n")
                    line = line[:-1] + more.strip()
                yield Command(line, shown.strip("\n"), f"{page.name}: {line}")
        else:
            before = " ".join(lines[max(0, block.line - 5) : block.line - 1]).rstrip()
            if named := re.search(r"`([\w./-]+\.\w+)`:$", before):
                yield Save(named[1], block.text)


class Reader:
    """Somebody who has the commands `batuta` and `python`, and a folder to work in.

    `instead` maps what is on the page to what is here, such as ports and addresses.
    """

    def __init__(self, folder: Path, programs: Path, instead: dict[str, str], **env: str) -> None:
        self.folder = folder
        self.instead = instead
        self.printed: dict[str, str] = {}
        """What each command has printed."""
        self._env = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120", **env}
        self._ids: dict[str, str] = {}
        self._going_on: dict[str, Program] = {}
        self._open = ExitStack()
        for name, words in (("batuta", [sys.executable, "-m", "batuta"]), ("python", [sys.executable])):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            program.chmod(0o755)

    def follow(self, *pages: Path) -> None:
        """Do what pages say, one after the other, and compare what is printed with what they show."""
        for page in pages:
            for step in steps(page):
                match step:
                    case Save(name, text):
                        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                        (self.folder / name).write_text(self.here(text))
                    case Command():
                        self.type(step)

    def type(self, command: Command) -> None:
        """Type a command; one whose output ends as shown is right."""
        line = self.here(command.line)
        if command.line.startswith(GOES_ON):
            pairs = [f"{name}={value}" for name, value in self._env.items()]
            program = Program("/usr/bin/env", *pairs, "/bin/sh", "-c", f"exec {line}", cwd=self.folder)
            self._going_on[command.line] = program
            self._open.callback(_end, program)
            for each in command.shown.splitlines() or ["\n"]:
                program.wait_for(self.here(each))
            return
        pattern = self._pattern(command.shown)
        until = time.monotonic() + PATIENCE_SECONDS / 4
        while True:
            done = self.run(line)
            printed = self.printed[command.line] = (done.stdout + done.stderr).rstrip()
            if (found := re.fullmatch(pattern, printed)) or not _looks(line) or time.monotonic() > until:
                break
            time.sleep(0.2)
        assert command.shown or done.returncode == 0, f"{command.place}\n{printed}"
        assert found, f"{command.place}\nprinted\n{printed}\ninstead of\n{command.shown}"
        self._ids |= {name.removeprefix("id_"): real for name, real in found.groupdict().items()}

    def heard(self, line: str, text: str) -> str:
        """The next line with a text from a command that goes on."""
        return self._going_on[line].wait_for(text)

    def api(self, path: str, **query: str) -> Any:
        """What the server answers."""
        answer = httpx.get(f"{self._env['BATUTA_SERVER']}/api/v1/main/{path}", params=query)
        return answer.raise_for_status().json()

    def close(self) -> None:
        """End what goes on."""
        self._open.close()

    def here(self, text: str) -> str:
        """A text of the page with the ids, ports and addresses of this place."""
        for there, here in (self.instead | self._ids).items():
            text = text.replace(there, here)
        return text

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Type a command that is on no page."""
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=environment(**self._env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def _pattern(self, shown: str) -> str:
        parts: list[str] = []
        names: set[str] = set()
        for line in shown.splitlines():
            if line.strip() == "...":
                parts.append(r"(?:[^\n]*(?:\n|$))*?")
                continue
            rest = r"[^\n]*" if line.endswith(" ...") else " *"
            parts.append(self._pattern_of_line(line.removesuffix("..."), names) + rest + r"(?:\n|$)")
        return "".join(parts) or r"[\s\S]*"

    def _pattern_of_line(self, line: str, names: set[str]) -> str:
        pattern, at = "", 0
        for match in _VARYING.finditer(line):
            pattern += re.escape(self.here(line[at : match.start()]))
            at = match.end()
            kind = match.lastgroup or ""
            if kind != "id":
                pattern += _ANY[kind]
            elif match[0] in self._ids:
                pattern += self._ids[match[0]]
            elif match[0] in names:
                pattern += f"(?P=id_{match[0]})"
            else:
                names.add(match[0])
                pattern += f"(?P<id_{match[0]}>{_ID})"
        return pattern + re.escape(self.here(line[at:]))


def _looks(line: str) -> bool:
    """The command only looks at what goes on by itself, so that a reader may type it again."""
    return re.match(r"batuta (execution (list|get|logs)|trigger list)\b", line) is not None


def _end(program: Program) -> None:
    program.send(signal.SIGINT)
    program.end()


@contextmanager
def reading(folder: Path, programs: Path, instead: dict[str, str], **env: str) -> Iterator[Reader]:
    """A reader, for as long as the block lasts."""
    reader = Reader(folder, programs, instead, **env)
    try:
        yield reader
    finally:
        reader.close()
