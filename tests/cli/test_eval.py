"""`batuta eval`: where its variables come from, and what it says when one is missing."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from batuta.cli.eval import command


def run(*arguments: object, input: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], input=input)


def test_pairs_are_inputs_and_numbers_among_them_are_numbers():
    done = run("{{ inputs.city | upper }} {{ inputs.days + 1 }}", "-i", "city=Rome", "-i", "days=3")

    assert (done.exit_code, done.output) == (0, "ROME 4\n")


def test_pairs_join_the_inputs_of_a_context(tmp_path):
    context = tmp_path / "context.json"
    context.write_text(json.dumps({"inputs": {"a": 1, "b": 1}, "vars": {"c": 3}}))

    done = run("{{ inputs.a }}{{ inputs.b }}{{ vars.c }}", "--context", context, "-i", "b=2")

    assert done.output == "123\n"


def test_a_minus_reads_standard_input():
    assert run("-", input="{{ 'a' | upper }}\n").output == "A\n"


@pytest.mark.parametrize(
    ("template", "fix"),
    [
        (
            "{{ inputs.city }}",
            "fix: give it with `-i key=value`, or all variables with `--context FILE.json`",
        ),
        ("{{ outputs.a }}", 'fix: write `{"outputs": ...}` into a JSON file and name it with `--context'),
    ],
)
def test_a_missing_variable_is_answered_with_how_to_give_it(template, fix):
    done = run(template)

    assert done.exit_code == 1
    assert done.stderr.startswith("error: Unable to find")
    assert fix in done.stderr


def test_a_missing_input_is_answered_with_its_pair():
    assert "`-i city=value`" in run("{{ inputs.city }}", "-i", "a=1").stderr


@pytest.mark.parametrize("call", ["secret('A')", "kv('a')", "read('kestra:///a')"])
def test_what_a_server_keeps_is_said_to_need_one(call):
    done = run("{{ " + call + " }}")

    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: `{call.partition('(')[0]}()` needs a server")
