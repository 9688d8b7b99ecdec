"""Every command on a page works, in the order in which a reader would type them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from batuta.cli import main
from tests.docs.documents import ROOT, blocks, every, pages
from tests.journeys.processes import PATIENCE_SECONDS, environment, serving

MAKE_VERBS = {"run", "test", "check", "format", "lock", "bench", "simulate", "clean"}
README = ROOT / "README.md"


def lines(page: Path) -> list[str]:
    """The commands in the shell blocks of a page."""
    return [line for block in blocks(page, "shell") for line in block.text.splitlines() if line]


def run(line: str, folder: Path, server: str = "") -> subprocess.CompletedProcess[str]:
    """A command line as a shell would run it, with `batuta` and `python` being ours."""
    program, *arguments = shlex.split(line)
    programs = {"batuta": [sys.executable, "-m", "batuta"], "python": [sys.executable]}
    return subprocess.run(
        [*programs[program], *arguments],
        cwd=folder,
        env=environment(BATUTA_SERVER=server),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_commands_of_the_readme_work_one_after_the_other(tmp_path: Path):
    flow = blocks(README, "yaml")[0]
    (tmp_path / "hello.yaml").write_text(flow.text)
    told = [line for line in lines(README) if line.startswith("batuta")]
    at = told.index("batuta server local")

    for line in told[:at]:
        done = run(line, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    with serving(tmp_path / ".batuta") as server:
        for line in told[at + 1 :]:
            done = run(line, tmp_path, server.url)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "page", sorted((ROOT / "examples").glob("*/README.md")), ids=lambda page: page.parent.name
)
def test_the_commands_of_an_example_end_as_its_page_says(page: Path):
    codes = [run(line, ROOT).returncode for line in lines(page)]

    expected = [1 if "failures=9" in line else 0 for line in lines(page)]
    assert codes == expected


def test_the_flows_of_the_tutorial_run(tmp_path: Path):
    page = ROOT / "docs" / "tutorial" / "first-flow.md"
    for block in blocks(page, "yaml"):
        (tmp_path / "weather.yaml").write_text(block.text)
        done = run("batuta run weather.yaml", tmp_path)
        assert done.returncode == 0, f"{block.name}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_that_a_page_names_exists(page: Path):
    text = page.read_text()
    named = re.findall(r"(?:`|^)(?:\S*/)?batuta ([a-z]+)(?: ([a-z]+))?", text, re.MULTILINE)
    verbs = set(re.findall(r"`make ([a-z]+)", text)) | set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))

    assert verbs <= MAKE_VERBS
    for name, below in named:
        command = main.batuta.get_command(click.Context(main.batuta), name)
        assert command is not None, f"`batuta {name}` does not exist"
        if isinstance(command, click.Group) and below:
            assert command.get_command(click.Context(command), below) is not None, (
                f"no `batuta {name} {below}`"
            )


def test_the_makefile_has_the_verbs_that_pages_name():
    text = (ROOT / "Makefile").read_text()

    verbs = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    assert verbs >= MAKE_VERBS


def test_shell_blocks_hold_nothing_that_is_not_tested():
    known = (
        "batuta ",
        "make ",
        "python scripts/plugin_index.py",
        "python scripts/plugin_reference.py",
        ".venv/bin/",
    )
    others = [
        line for block in every("shell") for line in block.text.splitlines() if not line.startswith(known)
    ]

    assert others == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page: Path):
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())

    assert [each for each in targets if "://" not in each and not (page.parent / each).exists()] == []
