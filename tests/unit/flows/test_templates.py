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


LOOPS = """id: f
namespace: n
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [x, "y z"]
    tasks:
      - id: a
        type: io.kestra.plugin.core.debug.Return
        format: 1
      - id: direct
        type: io.kestra.plugin.core.log.Log
        message: "DIRECT"
      - id: branch
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
          - id: deeper
            type: io.kestra.plugin.core.log.Log
            message: "DEEPER"
          - id: condition
            type: io.kestra.plugin.core.flow.If
            condition: true
            then:
              - id: deepest
                type: io.kestra.plugin.core.log.Log
                message: "DEEPEST"
      - id: inner
        type: io.kestra.plugin.core.flow.ForEach
        values: [1, 2]
        tasks:
          - id: b
            type: io.kestra.plugin.core.debug.Return
            format: "INNER"
          - id: c
            type: io.kestra.plugin.core.log.Log
            message: "NESTED"
  - id: after
    type: io.kestra.plugin.core.log.Log
    message: "AFTER"
"""
OF_A = "the outputs of `a` are kept for each value of the loop `each`"
OF_B = "the outputs of `b` are kept for each value of the loop `each`"


def said_in_loops(at: str, template: str) -> list[tuple[str, str | None]]:
    found = check_templates(LOOPS.replace(at, template))
    return [(each.message, each.hint) for each in (*found.violations, *found.warnings)]


@pytest.mark.parametrize(
    ("at", "template", "message", "address"),
    [
        ("DIRECT", "{{ outputs.a.value }}", OF_A, "outputs.a[taskrun.value].value"),
        ("DEEPER", "{{ outputs.a.value }}", OF_A, "outputs.a[parent.taskrun.value].value"),
        ("DEEPEST", "{{ outputs.a.value }}", OF_A, "outputs.a[parents[1].taskrun.value].value"),
        ("INNER", "{{ outputs.a.value }}", OF_A, "outputs.a[parent.taskrun.value].value"),
        ("NESTED", "{{ outputs.b.value }}", OF_B, "currentEachOutput(outputs.b).value"),
    ],
)
def test_inside_a_loop_a_sibling_is_addressed_by_the_value(at, template, message, address):
    assert said_in_loops(at, template) == [(message, f"inside a loop write `{address}`")]


def test_the_outputs_of_scripts_are_known_too():
    script = LOOPS.replace(
        "core.debug.Return\n        format: 1", "scripts.shell.Script\n        script: ls", 1
    )

    found = check_templates(script.replace("DIRECT", "{{ outputs.a.vars.n }}"))

    assert [each.hint for each in found.warnings] == ["inside a loop write `outputs.a[taskrun.value].vars.n`"]


@pytest.mark.parametrize(
    ("template", "message", "address"),
    [
        ("{{ outputs.a.value }}", OF_A, "outputs.a['x'].value"),
        ("{{ outputs.b.value }}", OF_B, "outputs.b['x']['1'].value"),
        ("{{ outputs.b.x.value }}", OF_B.replace("each`", "inner`"), "outputs.b['x']['1'].value"),
    ],
)
def test_after_a_loop_the_value_must_be_said(template, message, address):
    assert said_in_loops("AFTER", template) == [
        (message, f"outside of the loop say for which value: `{address}`")
    ]


@pytest.mark.parametrize(
    ("at", "template"),
    [
        ("DIRECT", "{{ outputs.a[taskrun.value].value }}"),
        ("DIRECT", "{{ currentEachOutput(outputs.a).value }}"),
        ("DEEPER", "{{ outputs.a[parent.taskrun.value].value }}"),
        ("NESTED", "{{ outputs.b[parent.taskrun.value][taskrun.value].value }}"),
        ("AFTER", "{{ outputs.a.x.value }} {{ outputs.a['y z'].value }} {{ outputs.b.x['1'].value }}"),
        ("AFTER", "{{ outputs.a }} {{ outputs.a.x }} {{ outputs.a.value ?? 1 }} {{ outputs.a | jq('.x') }}"),
    ],
)
def test_an_address_with_the_values_is_fine(at, template):
    assert said_in_loops(at, template) == []
