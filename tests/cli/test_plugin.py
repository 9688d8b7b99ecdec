"""`batuta plugin`: the reference of types on the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from batuta.cli import main
from batuta.cli.plugin import plugin


def run(*arguments):
    return CliRunner().invoke(plugin, arguments)


def test_the_list_names_types_with_what_they_do():
    lines = run("list").output.splitlines()

    assert any(
        line.startswith("io.kestra.plugin.scripts.python.Script ") and line.endswith("Run a Python script.")
        for line in lines
    )


def test_a_word_narrows_the_list():
    lines = run("list", "DuckDB").output.splitlines()

    assert [line.split()[0].rpartition(".")[2] for line in lines] == ["Queries", "Query", "Trigger"]
    assert run("list", "zzz").output == "no type mentions `zzz`; `batuta plugin list` names all\n"


def test_show_prints_the_page():
    result = run("show", "python.Script")

    assert result.output.startswith("# io.kestra.plugin.scripts.python.Script\n")
    assert "| `script` | text | required |" in result.output
    assert "batuta plugin common" in result.output


def test_the_common_properties_are_told():
    assert "| `timeout` |" in run("common").output


def test_json_holds_the_same():
    told = json.loads(run("show", "kv.Set", "--output", "json").output)

    assert (told["type"], told["kind"]) == ("io.kestra.plugin.core.kv.Set", "task")
    assert told["markdown"].startswith("# io.kestra.plugin.core.kv.Set\n")
    assert len(json.loads(run("list", "kv.Set", "--output", "json").output)) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Script", "`Script` may be `io.kestra.plugin.scripts.bun.Script`, "),
        ("core.log.Lgo", "did you mean `io.kestra.plugin.core.log.Log`?"),
        ("qqq.Zzzzzz", "`batuta plugin list` names all types"),
    ],
)
def test_a_name_that_is_not_certain_is_a_mistake(name, said, capsys):
    assert main.code_of(["plugin", "show", name]) == 2

    assert said in capsys.readouterr().err
