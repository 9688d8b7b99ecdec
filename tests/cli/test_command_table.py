"""The table of commands, and how a mistake on the command line looks."""

from __future__ import annotations

import resource
import subprocess
import sys

import click
import pytest

from batuta.cli import main
from batuta.cli.lazy import LazyGroup
from batuta.errors import BatutaError, FlowError

HELP_SECONDS = 0.15


def command(name: str) -> click.Command:
    found = main.batuta.get_command(click.Context(main.batuta), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", list(main.COMMANDS))
def test_the_table_says_of_a_command_what_it_says_of_itself(name):
    assert main.COMMANDS[name].summary == command(name).get_short_help_str(200)


@pytest.mark.parametrize("name", list(main.COMMANDS))
def test_every_command_explains_itself(name, capsys):
    assert main.code_of([name, "--help"]) == 0

    assert "Usage: batuta" in capsys.readouterr().out


def test_flow_validate_is_check():
    flow = command("flow")
    assert isinstance(flow, LazyGroup)

    assert flow.get_command(click.Context(flow), "validate") is command("check")


def test_help_imports_nothing_that_it_does_not_show():
    script = "import sys; from batuta.cli.main import code_of; code_of(['--help']); print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    heavy = {"asyncio", "msgspec", "yaml", "httpx", "rich", "uvicorn", "litestar", "sqlalchemy", "batuta.app"}
    assert heavy.isdisjoint(loaded)


def test_help_is_quick():
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "batuta", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # Time of the processor, and the best of some: the bound is on our work, not on that of other programs.
    assert min(seconds() for _ in range(5)) < HELP_SECONDS


def test_an_unknown_command_is_answered_with_the_nearest_one(capsys):
    assert main.code_of(["exection"]) == 2

    assert "did you mean `execution`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BatutaError("the disk is full", where="/data", mend="make room"), 1),
        (FlowError("`mesage` is not a property", where="tasks[0]", mend="did you mean `message`?"), 2),
    ],
)
def test_an_error_is_told_with_place_and_cure(error, code, monkeypatch, capsys):
    def fail(**_):
        raise error

    monkeypatch.setattr(main.batuta, "main", fail)

    assert main.code_of([]) == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_bug_is_one_sentence_unless_somebody_looks_for_it(monkeypatch, capsys):
    def fail(**_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(main.batuta, "main", fail)
    monkeypatch.delenv("BATUTA_DEBUG", raising=False)

    assert main.code_of([]) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in told
    assert "Traceback" not in told

    monkeypatch.setenv("BATUTA_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main.code_of([])
