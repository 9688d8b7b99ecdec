"""A good flow, and what it becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import FlowError
from batuta.flows import InvalidFlow, PluginDefault, ReadLimits, parse, read
from batuta.model.flow import Concurrency, ConcurrencyBehavior
from batuta.model.labels import Label
from batuta.model.task import LogLevel, RetryBehavior, RetryKind, RetryPolicy

FLOW = "io.kestra.plugin.core.flow."
HEAD = "id: f\nnamespace: company.team\n"
SUBFLOW = f"type: {FLOW}Subflow, namespace: n, flowId: b"
ONE_TASK = f"tasks: [{{id: t, {SUBFLOW}}}]\n"


def good(text: str, **options):
    reading = read(HEAD + text, **options)
    assert reading.violations == ()
    return reading


def test_a_task_is_its_common_properties_typed_and_its_own_as_written():
    flow = good(
        """
tasks:
  - id: call
    type: io.kestra.core.tasks.flows.Flow
    description: hi
    runIf: "{{ inputs.x }}"
    timeout: PT5M
    logLevel: WARN
    allowFailure: "true"
    taskCache: {enabled: true, ttl: PT1H}
    retry: {type: exponential, interval: PT1S, maxInterval: PT1M, delayFactor: 3, maxAttempt: 4}
    namespace: n
    flowId: "{{ vars.x }}"
    wait: true
"""
    ).flow
    task = flow.tasks[0]

    assert (task.type, task.written_type) == (f"{FLOW}Subflow", "io.kestra.core.tasks.flows.Flow")
    assert (task.when, task.timeout, task.log_level) == ("{{ inputs.x }}", "PT5M", LogLevel.WARN)
    assert task.allow_failure
    assert task.common == {"taskCache": {"enabled": True, "ttl": "PT1H"}}
    assert task.properties == {"namespace": "n", "flowId": "{{ vars.x }}", "wait": True}
    assert task.retry == RetryPolicy(
        type=RetryKind.EXPONENTIAL,
        interval="PT1S",
        max_interval="PT1M",
        delay_factor=3.0,
        max_attempts=4,
        behavior=RetryBehavior.RETRY_FAILED_TASK,
    )


def test_children_are_branches_by_the_name_of_their_list():
    flow = good(
        f"""
tasks:
  - id: sw
    type: {FLOW}Switch
    value: "{{{{ inputs.x }}}}"
    cases:
      1: [{{id: one, {SUBFLOW}}}]
      true: [{{id: yes, {SUBFLOW}}}]
    defaults: [{{id: other, {SUBFLOW}}}]
    errors: [{{id: oops, {SUBFLOW}}}]
    finally: [{{id: done, {SUBFLOW}}}]
  - id: dag
    type: {FLOW}Dag
    tasks:
      - task: {{id: a, {SUBFLOW}}}
      - task: {{id: b, {SUBFLOW}}}
        dependsOn: [a]
"""
    ).flow
    switch, dag = flow.tasks

    assert {name: [task.id for task in tasks] for name, tasks in switch.branches.items()} == {
        "cases.1": ["one"],
        "cases.true": ["yes"],
        "defaults": ["other"],
        "errors": ["oops"],
        "finally": ["done"],
    }
    assert switch.properties == {"value": "{{ inputs.x }}"}
    assert [(task.id, task.depends_on) for task in dag.branches["tasks"]] == [("a", ()), ("b", ("a",))]


def test_a_single_task_as_a_property_is_a_branch_of_one():
    flow = good(f"tasks: [{{id: p, type: {FLOW}Pause, onPause: {{id: tell, {SUBFLOW}}}}}]").flow

    assert [task.id for task in flow.tasks[0].branches["onPause"]] == ["tell"]


def test_the_parts_of_a_flow():
    flow = good(
        f"""
description: 12
disabled: true
labels: {{team: finance, priority: 2, urgent: true, empty: ''}}
variables: {{a: {{b: "{{{{ x }}}}"}}}}
concurrency: {{limit: 3, behavior: CANCEL}}
{ONE_TASK}
errors: [{{id: e, {SUBFLOW}}}]
finally: [{{id: fin, {SUBFLOW}}}]
afterExecution: [{{id: after, {SUBFLOW}}}]
outputs: [{{id: o, type: INT, value: "{{{{ 1 }}}}"}}]
triggers:
  - {{id: s, type: io.kestra.core.models.triggers.types.Schedule, cron: "@daily", disabled: true}}
""",
        revision=7,
    ).flow

    assert (flow.id, flow.namespace, flow.revision, flow.description, flow.disabled) == (
        "f",
        "company.team",
        7,
        "12",
        True,
    )
    assert flow.labels == (Label("team", "finance"), Label("priority", "2"), Label("urgent", "true"))
    assert flow.variables == {"a": {"b": "{{ x }}"}}
    assert flow.concurrency == Concurrency(3, ConcurrencyBehavior.CANCEL)
    assert [task.id for task in flow.walk()] == ["t", "e", "fin", "after"]
    assert flow.outputs[0].id == "o"
    assert flow.triggers[0].type == "io.kestra.plugin.core.trigger.Schedule"
    assert flow.triggers[0].disabled
    assert flow.triggers[0].properties == {"cron": "@daily"}


def test_labels_may_be_a_list_and_the_later_of_two_counts():
    flow = good(
        f"labels: [{{key: a.b, value: deep}}, {{key: x, value: 1}}, {{key: x, value: 2}}]\n{ONE_TASK}"
    ).flow

    assert flow.labels == (Label("a.b", "deep"), Label("x", "2"))


def test_the_document_is_kept_as_written():
    reading = good(
        f"labels: {{team: x}}\npluginDefaults: [{{type: {FLOW}Subflow, values: {{wait: false}}}}]\n"
        f"tasks: [{{id: t, runIf: 'true', {SUBFLOW}}}]\n"
    )

    assert reading.flow.document["labels"] == {"team": "x"}
    assert reading.flow.document["tasks"][0]["runIf"] == "true"
    assert "wait" not in reading.flow.document["tasks"][0]
    assert reading.flow.tasks[0].properties["wait"] is False


def test_old_spellings_are_told_with_their_places():
    reading = good(
        "inputs: [{name: i, type: MULTISELECT, options: [a]}]\n"
        f"tasks:\n  - {{id: t, runIf: 'true', {SUBFLOW}}}\n"
    )

    assert reading.deprecations == ("inputs[0].name", "inputs[0].options", "tasks[0].runIf")
    assert [each.line for each in reading.deprecated] == [3, 3, 5]
    assert reading.flow.inputs[0].id == "i"


def test_an_old_type_name_is_told():
    reading = good("tasks: [{id: t, type: io.kestra.core.tasks.flows.Flow, namespace: n, flowId: b}]")

    assert reading.infos == (f"io.kestra.core.tasks.flows.Flow is replaced by {FLOW}Subflow",)


def test_a_known_type_without_a_class_is_kept_with_a_warning():
    reading = good("tasks: [{id: q, type: io.kestra.plugin.gcp.bigquery.Query, sql: select 1}]")

    assert reading.flow.tasks[0].properties == {"sql": "select 1"}
    assert [each.message for each in reading.warnings] == [
        "known type, not supported by this version: io.kestra.plugin.gcp.bigquery.Query"
    ]


def test_a_flow_trigger_without_a_filter_is_warned_about():
    reading = good(f"{ONE_TASK}triggers: [{{id: x, type: io.kestra.plugin.core.trigger.Flow}}]")

    assert reading.warnings[0].message.startswith(
        "This flow will be triggered for EVERY execution of EVERY flow on your instance"
    )


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [
        ("* * * * *", False),
        ("*/15 9-17 1,15 JAN-mar MON", False),
        ("0 0 * * 7", False),
        ("5 * * * * *", True),
        ("@hourly", False),
    ],
)
def test_good_cron_expressions(cron, seconds):
    schedule = f"type: io.kestra.plugin.core.trigger.Schedule, withSeconds: {seconds}"

    good(f"{ONE_TASK}triggers: [{{id: x, {schedule}, cron: '{cron}'}}]")


def test_defaults_of_the_flow_fill_what_a_task_leaves_out():
    flow = good(
        f"""
pluginDefaults:
  - type: io.kestra.core.tasks.flows.Flow
    values: {{wait: false, inputs: {{a: 1, b: {{c: 1}}}}}}
  - type: io.kestra.plugin.core
    values: {{allowFailure: true, nobodyKnows: 1}}
  - type: {FLOW}Subflow
    forced: true
    values: {{transmitFailed: false}}
tasks:
  - {{id: t, {SUBFLOW}, wait: true, transmitFailed: true, inputs: {{b: {{d: 2}}}}}}
"""
    ).flow
    task = flow.tasks[0]

    assert task.properties == {
        "namespace": "n",
        "flowId": "b",
        "wait": True,
        "transmitFailed": False,
        "inputs": {"b": {"d": 2, "c": 1}, "a": 1},
    }
    assert task.allow_failure


def test_lists_of_defaults_and_tasks_are_joined():
    source = """
pluginDefaults:
  - {type: io.kestra.plugin.gcp, values: {scopes: [a]}}
  - {type: io.kestra.plugin.gcp, forced: true, values: {tags: [z]}}
tasks:
  - id: t
    type: io.kestra.plugin.gcp.gcs.Upload
    scopes: [b]
    tags: [y]
    taskRunner: {type: io.kestra.plugin.gcp.x.Y}
"""

    properties = good(source).flow.tasks[0].properties

    assert properties["scopes"] == ["a", "b"]
    assert properties["tags"] == ["y", "z"]
    assert properties["taskRunner"]["scopes"] == ["a"]


def test_defaults_of_the_server_give_way_to_those_of_the_flow():
    defaults = [PluginDefault(f"{FLOW}Subflow", {"wait": True, "transmitFailed": False})]
    source = f"pluginDefaults: [{{type: {FLOW}Subflow, values: {{wait: false}}}}]\n{ONE_TASK}"

    properties = good(source, defaults=defaults).flow.tasks[0].properties

    assert (properties["wait"], properties["transmitFailed"]) == (False, False)


def test_a_default_may_be_for_tasks_that_ask_for_it():
    source = f"""
pluginDefaults: [{{type: {FLOW}Subflow, ref: quiet, values: {{wait: false}}}}]
tasks: [{{id: a, {SUBFLOW}}}, {{id: b, pluginDefaultsRef: quiet, {SUBFLOW}}}]
"""

    one, other = good(source).flow.tasks

    assert "wait" not in one.properties
    assert other.properties["wait"] is False


def test_a_default_may_use_the_old_names_of_properties():
    reading = good(
        f"pluginDefaults: [{{type: {FLOW}Subflow, values: {{runIf: 'false', "
        "retry: {type: constant, interval: PT1S, maxAttempt: 2}}}]\n" + ONE_TASK
    )

    [task] = reading.flow.tasks
    assert (task.when, task.retry.max_attempts) == ("false", 2)
    assert reading.deprecations == (
        "pluginDefaults[0].values.runIf",
        "pluginDefaults[0].values.retry.maxAttempt",
    )


def test_a_default_supplies_what_is_required():
    good(
        f"pluginDefaults: [{{type: {FLOW}Subflow, values: {{flowId: b}}}}]\n"
        f"tasks: [{{id: a, type: {FLOW}Subflow, namespace: n}}]"
    )


def test_parse_raises_for_a_broken_flow_with_all_that_is_wrong():
    with pytest.raises(InvalidFlow) as caught:
        parse("id: f\n")

    assert isinstance(caught.value, FlowError)
    assert [violation.path for violation in caught.value.violations] == ["tasks", "namespace"]
    assert str(caught.value).startswith("must not be empty\n  at tasks (line 1, column 1), and 1 more")


def test_parse_remembers_a_revision():
    assert parse(HEAD + ONE_TASK, revision=2) is parse(HEAD + ONE_TASK, revision=2)
    assert parse(HEAD + ONE_TASK, revision=3).revision == 3


def test_what_a_broken_flow_is_called_is_told_all_the_same():
    reading = read("id: f\nnamespace: n\nrevision: 4\ntasks: 3\n")

    assert (reading.flow, reading.flow_id, reading.namespace, reading.written_revision) == (None, "f", "n", 4)
    assert reading.constraints == "tasks: Illegal flow yaml: `tasks` must be a list, but is `3`"


def test_limits_are_told_as_violations():
    (violation,) = read(HEAD + ONE_TASK, limits=ReadLimits(most_bytes=10)).violations

    assert "more than 10" in violation.message


@given(st.text())
def test_any_text_is_read(text):
    reading = read(text)

    assert reading.flow is None
    assert reading.violations


_TEXTS = ["a", "{{ x }}", "PT1S", f"{FLOW}Switch", f"{FLOW}Dag", f"{FLOW}If", "INT", "STRING", "constant"]
_NAMES = (
    "id type tasks errors task dependsOn cases defaults inputs values labels retry then condition conditions "
    "triggers runIf pluginDefaults sla checks quotas outputs concurrency limit interval cron onPause "
    "listeners forced name options timeout"
)
_WORDS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(_TEXTS)
)
_KEYS = st.sampled_from(_NAMES.split())
_DATA = st.recursive(
    _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=25,
)


@given(st.dictionaries(_KEYS, _DATA, max_size=6))
def test_any_document_of_the_words_of_flows_is_read(data):
    import yaml

    reading = read(yaml.safe_dump({"id": "f", "namespace": "n", **data}, sort_keys=False))

    lines = reading.source.count("\n") + 1
    assert all(1 <= each.line <= lines for each in (*reading.violations, *reading.warnings))


def test_validation_names_a_task_by_its_position_and_an_input_by_its_id():
    reading = read(
        """
id: f
namespace: company.team
inputs: [{id: x, type: ARRAY}]
tasks:
  - {id: branch, type: io.kestra.plugin.core.flow.If, then: [{id: a, type: io.kestra.plugin.core.flow.Sleep}]}
"""
    )

    assert "tasks[0].condition: must not be null" in str(reading.constraints)
    assert "inputs[x].itemType: must not be null" in str(reading.constraints)
