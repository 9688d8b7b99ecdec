"""What `check` says about the templates of a flow."""

from __future__ import annotations

import pytest

from batuta.flows import check_templates

HEAD = """id: f
namespace: n
inputs:
  - {id: name, type: STRING}
  - {id: db.host, type: STRING}
variables: {greeting: hello}
tasks:
  - id: make
    type: io.kestra.plugin.core.debug.Return
    format: x
  - id: say
    type: io.kestra.plugin.core.log.Log
"""


def said(message: str) -> list[tuple[int, int, str, str | None]]:
    found = check_templates(f"{HEAD}    message: {message}\n")
    return [
        (each.line, each.column, each.message, each.hint) for each in (*found.violations, *found.warnings)
    ]


@pytest.mark.parametrize(
    "message",
    [
        '"{{ inputs.name }} {{ inputs.db.host }} {{ inputs.db }} {{ vars.greeting }}"',
        '"{{ outputs.make.value }} {{ tasks.make.state }}"',
        "\"{{ inputs['name'] | upper }}\"",
        '"{{ inputs.nothing ?? 1 }} {{ outputs.nothing.x | default(2) }}"',
        '"{% for inputs in [1] %}{{ loop.index }}{% endfor %}{{ trigger.date }} {{ anything }}"',
        "no template",
    ],
)
def test_what_is_declared_is_fine(message):
    assert said(message) == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('"{{ inputs.nam }}"', (13, 25, "the flow has no input `nam`", "did you mean `name`?")),
        ("{{'{{'}} inputs.x", None),
        ('"hi {{ outputs.mak.value }}"', (13, 29, "the flow has no task `mak`", "did you mean `make`?")),
        ('"{{ vars.greting }}"', (13, 23, "the flow has no variable `greting`", "did you mean `greeting`?")),
        (
            '"{{ input.name }}"',
            (13, 18, "`input` is not a name that templates see", "did you mean `inputs`?"),
        ),
    ],
)
def test_what_is_not_declared_is_told_with_its_place(message, expected):
    assert said(message) == ([expected] if expected else [])


def test_a_template_that_does_not_parse_is_an_error_with_its_place():
    found = check_templates(HEAD + '    message: "{{ inputs.name"\n')

    (violation,) = found.violations
    assert violation.path == "tasks[say].message"
    assert violation.line == 13
    assert violation.code == "expression.syntax"


@pytest.mark.parametrize(
    ("message", "text", "hint"),
    [
        ("{{ inputs.name | uper }}", "Filter [uper] does not exist.", "did you mean `upper`?"),
        ("{{ errorLog()[0] }}", "Function or Macro [errorLog] does not exist", "did you mean `errorLogs`?"),
        ("{{ inputs.name is emty }}", "Test [emty] does not exist.", "did you mean `empty`?"),
        ("{% filter uper %}x{% endfilter %}", "Filter [uper] does not exist.", "did you mean `upper`?"),
        (
            "{{ inputs.name | abbreviate(1, 2) }}",
            "The filter `abbreviate` takes at most 1 arguments",
            "it takes `length`",
        ),
        ("{{ secret() }}", "The function `secret` expects an argument 'key'", None),
        ("{{ kv(kee='a') }}", "The function `kv` has no argument `kee`", "did you mean `key`?"),
    ],
)
def test_a_call_that_can_never_succeed_is_an_error(message, text, hint):
    found = check_templates(f'{HEAD}    message: "{message}"\n')

    (violation,) = found.violations
    assert (violation.message, violation.hint) == (text, hint)
    assert violation.line == 13
    assert violation.column > 14


def test_macros_of_the_template_may_be_called():
    assert said('"{% macro hi(x) %}{{ x }}{% endmacro %}{{ hi(1) }}"') == []


def test_a_place_inside_a_block_of_text_is_found():
    found = check_templates(HEAD + "    message: |\n      one\n\n        two {{ inputs.nobody }}\n")

    assert [(each.line, each.column) for each in found.warnings] == [(16, 23)]


def test_a_text_that_is_no_flow_has_no_templates():
    assert check_templates("a: [").violations == ()
    assert check_templates("- a").warnings == ()


def test_variables_that_a_task_sets_are_not_missed():
    source = (
        HEAD.replace("core.debug.Return", "core.execution.SetVariables") + '    message: "{{ vars.x }}"\n'
    )

    assert check_templates(source).warnings == ()


def test_names_of_other_executions_are_not_missed():
    source = (
        HEAD
        + """    message: x
  - id: call
    type: io.kestra.plugin.core.flow.Subflow
    namespace: n
    flowId: b
    outputs: {x: "{{ outputs.theirs.value }}"}
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Flow
    inputs: {x: "{{ outputs.theirs.value }}"}
"""
    )

    assert check_templates(source).warnings == ()
