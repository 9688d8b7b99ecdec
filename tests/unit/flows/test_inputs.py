"""Given values to typed inputs (flow spec §2)."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from batuta import expr
from batuta.flows import Resolution, read, resolve

NAMES = {"flow": {"id": "f", "namespace": "n"}, "namespace": {"id": "n"}}


def declared(inputs: str):
    reading = read(
        "id: f\nnamespace: n\n"
        "tasks: [{id: t, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}]\n"
        "inputs:\n" + textwrap.indent(textwrap.dedent(inputs), "  ")
    )
    assert reading.flow is not None, reading.violations
    return reading.flow.inputs


def resolved(inputs: str, encrypt=None, facts=None, **given) -> Resolution:
    return resolve(
        declared(inputs),
        {name.replace("__", "."): value for name, value in given.items()},
        NAMES,
        facts,
        encrypt=encrypt,
    )


def errors(resolution: Resolution) -> list[str]:
    return [violation.message for violation in resolution.violations]


@pytest.mark.parametrize(
    ("kind", "raw", "stored"),
    [
        ("STRING", "x", "x"),
        ("STRING", 12, "12"),
        ("STRING", True, "true"),
        ("STRING", {"a": [1]}, '{"a":[1]}'),
        ("STRING", "", ""),
        ("INT", "42", 42),
        ("INT", " -7 ", -7),
        ("INT", 42.0, 42),
        ("FLOAT", "42.42", 42.42),
        ("FLOAT", 1, 1.0),
        ("FLOAT", "1e3", 1000.0),
        ("BOOL", "TRUE", True),
        ("BOOLEAN", "yes", False),
        ("BOOLEAN", False, False),
        ("DATETIME", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00.000Z"),
        ("DATETIME", "2024-05-01T12:00:00.5+02:00", "2024-05-01T10:00:00.500Z"),
        ("DATETIME", "2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123456Z"),
        ("DATE", "2026-02-28", "2026-02-28"),
        ("TIME", "18:27:49", "18:27:49"),
        ("TIME", "18:27", "18:27:00"),
        ("DURATION", "PT5M6S", 306.0),
        ("DURATION", "P1D", 86400.0),
        ("DURATION", 300.0, 300.0),
        ("FILE", "kestra:///n/f/executions/1/inputs/x/a.csv", "kestra:///n/f/executions/1/inputs/x/a.csv"),
        ("JSON", '{"a": [1, null]}', {"a": [1, None]}),
        ("JSON", {"a": 1}, {"a": 1}),
        ("YAML", "some: property\nlist:\n- of\n- values", {"some": "property", "list": ["of", "values"]}),
        ("YAML", [1], [1]),
        ("ION", '{a: 1, b: [true, "x", null], c: 1.5}', {"a": 1, "b": [True, "x", None], "c": 1.5}),
        ("URI", "https://www.example.com/a?b=c", "https://www.example.com/a?b=c"),
        ("EMAIL", "jo@example.com", "jo@example.com"),
        ("EMAIL", "", ""),
    ],
)
def test_a_value_is_stored_by_its_type(kind, raw, stored):
    assert resolved(f"- {{id: x, type: {kind}}}", x=raw).values == {"x": stored}


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        ("INT", "abc", "`abc` is not a whole number"),
        ("INT", True, "`true` is not a whole number"),
        ("INT", "1.5", "`1.5` is not a whole number"),
        ("INT", "99999999999", "`99999999999` does not fit into 32 bits"),
        ("FLOAT", "nan", "`nan` is not a number"),
        (
            "DATETIME",
            "2019-13-06T18:27:49Z",
            "`2019-13-06T18:27:49Z` is not an instant such as 2026-02-28T09:30:00Z",
        ),
        (
            "DATETIME",
            "2019-10-06T18:27:49",
            "`2019-10-06T18:27:49` is not an instant such as 2026-02-28T09:30:00Z",
        ),
        ("DATE", "06/10/2019", "`06/10/2019` is not a date such as 2026-02-28"),
        ("DATE", "2026-02-30", "`2026-02-30` is not a date such as 2026-02-28"),
        ("TIME", "25:00", "`25:00` is not a time such as 09:30:00"),
        ("DURATION", "soon", "`soon` is not a duration such as PT15M or P1D"),
        ("DURATION", "P1Y", "`P1Y` is not a duration such as PT15M or P1D"),
        (
            "FILE",
            "a.csv",
            "a file must be uploaded, or be given as a `kestra://`, `nsfile://` or `file://` address",
        ),
        ("URI", "http:/bla", "Invalid URI format."),
        ("EMAIL", "nobody", "The input must be a valid email"),
    ],
)
def test_a_value_of_another_type_is_refused(kind, raw, reason):
    resolution = resolved(f"- {{id: x, type: {kind}}}", x=raw)

    assert errors(resolution) == [f"Invalid value for input `x`. Cause: {reason}"]
    assert resolution.values == {}
    assert resolution.inputs[0].value == raw


@pytest.mark.parametrize(
    ("kind", "raw"), [("JSON", '{"a": '), ("YAML", "a: [1"), ("YAML", "a: 1\na: 2"), ("ION", "{a:")]
)
def test_a_structure_that_does_not_parse_is_refused(kind, raw):
    (message,) = errors(resolved(f"- {{id: x, type: {kind}}}", x=raw))

    assert message.startswith(
        f"Invalid value for input `x`. Cause: invalid {kind if kind != 'ION' else 'Ion'}: "
    )


@pytest.mark.parametrize(
    ("input", "raw", "reason"),
    [
        ("type: INT, min: 10, max: 20", "9", "it must be more than `10`"),
        ("type: INT, min: 10, max: 20", "21", "it must be less than `20`"),
        ("type: FLOAT, min: 0.1", "0.05", "it must be more than `0.1`"),
        ("type: DURATION, min: PT10S", "PT1S", "It must be more than `PT10S`"),
        ("type: DURATION, max: PT20S", "PT1M", "It must be less than `PT20S`"),
        ("type: DATE, after: 2023-01-01", "2022-12-31", "it must be after `2023-01-01`"),
        ("type: DATETIME, before: '2023-01-01T00Z'", "2024-01-01T00Z", "it must be before `2023-01-01T00Z`"),
        ("type: TIME, after: '01:00:00'", "00:30", "it must be after `01:00:00`"),
        ("type: STRING, validator: 'A\\d+'", "foo", "it must match the pattern `A\\d+`"),
        ("type: STRING, validator: 'A\\d+'", "A12b", "it must match the pattern `A\\d+`"),
        ("type: SELECT, values: [a, b]", "c", "it must match the values `[a, b]`"),
        ("type: ENUM, values: [a, b]", "c", "it must match the values `[a, b]`"),
        ("type: MULTISELECT, values: [a, b]", '["a", "c"]', "it must match the values `[a, b]`"),
        ("type: MULTISELECT, values: [a]", "[", "invalid JSON: Input data was truncated"),
        ("type: MULTISELECT, values: [a, b]", '{"a": 1}', "must be a list or the JSON text of one"),
        ("type: ARRAY, itemType: INT", '["s1", "s2"]', "Unable to parse array element as `INT` on `s1`"),
        ("type: TABLE, columns: [{id: a, type: INT}], rows: {min: 2}", [{}], "`a` is missing"),
        ("type: TABLE, columns: [{id: a, type: INT}], rows: {min: 1}", [], "it must have at least `1` rows"),
        ("type: TABLE, columns: [{id: a, type: INT}]", [{"a": "x"}], "`a`: `x` is not a whole number"),
        ("type: OBJECT, properties: [{id: p, type: INT, max: 3}]", {"p": 4}, "`p`: it must be less than `3`"),
        ("type: OBJECT, properties: [{id: p, type: INT}]", {}, "`p` is missing"),
    ],
)  # fmt: skip
def test_a_value_outside_of_what_is_allowed_is_refused(input, raw, reason):
    (error,) = errors(resolved(f"- {{id: x, {input}}}", x=raw))

    assert error.partition(" (")[0] == f"Invalid value for input `x`. Cause: {reason}"


def test_bounds_are_inclusive():
    assert errors(resolved("- {id: x, type: INT, max: 20}", x="21")) == [
        "Invalid value for input `x`. Cause: it must be less than `20` (20 itself is allowed)"
    ]
    assert errors(resolved("- {id: x, type: INT, min: 10, max: 20}", x="10")) == []
    assert (
        errors(resolved("- {id: x, type: DATE, after: 2023-01-01, before: 2023-01-01}", x="2023-01-01")) == []
    )


def test_all_errors_are_told_at_once():
    resolution = resolved("- {id: a, type: INT}\n- {id: b, type: INT}\n- {id: c, type: STRING}\n", b="x")

    assert errors(resolution) == [
        "Missing required input:a",
        "Invalid value for input `b`. Cause: `x` is not a whole number",
        "Missing required input:c",
    ]
    assert [violation.path for violation in resolution.violations] == ["a", "b", "c"]


def test_an_optional_input_without_a_value_is_null_and_present():
    assert resolved(
        "- {id: s, type: STRING, required: false}\n- {id: n.x, type: INT, required: false}\n"
    ).values == {
        "s": None,
        "n": {"x": None},
    }


def test_a_field_left_blank_counts_as_no_value_except_for_text():
    assert resolved(
        "- {id: s, type: STRING}\n- {id: n, type: INT, required: false}\n", s="", n=""
    ).values == {
        "s": "",
        "n": None,
    }


def test_ids_with_dots_nest_and_may_be_given_nested():
    inputs = "- {id: db.host, type: STRING}\n- {id: db.port, type: INT}\n"

    assert resolved(inputs, db__host="h", db__port="5").values == {"db": {"host": "h", "port": 5}}
    assert resolved(inputs, db={"host": "h", "port": "5"}).values == {"db": {"host": "h", "port": 5}}


def test_what_is_not_declared_is_ignored():
    assert resolved("- {id: x, type: INT}", x=1, y=2).values == {"x": 1}


def test_defaults_are_used_for_what_is_not_given_and_flagged():
    resolution = resolved(
        "- {id: a, type: INT, defaults: 7}\n- {id: b, type: STRING, defaults: ''}\n", a=None
    )

    assert resolution.values == {"a": 7, "b": ""}
    assert [each.is_default for each in resolution.inputs] == [True, True]


def test_defaults_are_rendered_with_the_inputs_before():
    inputs = """
    - {id: first, type: STRING, defaults: hello}
    - {id: second, type: STRING, defaults: "{{ inputs.first }}_world"}
    - {id: list, type: ARRAY, itemType: STRING, defaults: "{{ [inputs.first, 'x'] }}"}
    - {id: map, type: JSON, defaults: {where: "{{ flow.namespace }}"}}
    """

    assert resolved(inputs).values == {
        "first": "hello",
        "second": "hello_world",
        "list": ["hello", "x"],
        "map": {"where": "n"},
    }


def test_a_default_that_does_not_render_is_an_error_of_its_input():
    (message,) = errors(resolved("- {id: x, type: STRING, defaults: '{{ nothing }}'}"))

    assert message.startswith("Invalid value for input `x`. Cause: Cannot render 'defaults'. Cause: ")


DEPENDENT = """
- {id: env, type: SELECT, values: [dev, prod]}
- {id: approver, type: STRING, dependsOn: {inputs: [env], condition: "{{ inputs.env == 'prod' }}"}}
- {id: reason, type: STRING, dependsOn: {inputs: [approver]}}
"""


def test_an_input_whose_condition_does_not_hold_is_not_asked_for():
    resolution = resolved(DEPENDENT, env="dev", approver="jo")

    assert resolution.values == {"env": "dev"}
    assert [each.enabled for each in resolution.inputs] == [True, False, False]
    assert errors(resolution) == []


def test_an_input_whose_condition_holds_is_asked_for():
    assert errors(resolved(DEPENDENT, env="prod")) == [
        "Missing required input:approver",
        "Missing required input:reason",
    ]


def test_a_condition_that_does_not_render_disables_with_an_error():
    resolution = resolved(
        "- {id: a, type: STRING}\n"
        "- {id: x, type: STRING, dependsOn: {inputs: [a], condition: '{{ nothing }}'}}\n",
        a="1",
    )

    assert not resolution.inputs[1].enabled
    assert resolution.inputs[1].errors[0].startswith("Invalid condition: ")


def test_an_input_may_depend_on_one_declared_later():
    inputs = """
    - {id: a, type: STRING, dependsOn: {inputs: [b], condition: "{{ inputs.b }}"}}
    - {id: b, type: BOOL}
    """

    assert resolved(inputs, a="x", b="true").values == {"a": "x", "b": True}
    assert resolved(inputs, a="x", b="false").values == {"b": False}


def test_choices_may_come_from_an_expression():
    inputs = "- {id: x, type: SELECT, expression: \"{{ ['r', 1] }}\"}"

    assert resolved(inputs, x="1").values == {"x": "1"}
    assert errors(resolved(inputs, x="g")) == [
        "Invalid value for input `x`. Cause: it must match the values `[r, 1]`"
    ]


def test_an_expression_that_gives_no_list_is_an_error():
    assert errors(resolved("- {id: x, type: SELECT, expression: \"{{ 'one text' }}\"}", x="one text")) == [
        "Invalid value for input `x`. "
        "Cause: Invalid expression result. Expected a list of strings, but received String"
    ]


def test_the_first_choice_may_be_taken_by_itself():
    inputs = """
    - {id: x, type: SELECT, values: [a, b], autoSelectFirst: true}
    - {id: m, type: MULTISELECT, values: [c], autoSelectFirst: true}
    """

    assert resolved(inputs).values == {"x": "a", "m": ["c"]}


def test_choices_with_labels_are_stored_by_value():
    assert resolved(
        "- {id: x, type: SELECT, values: [{label: Production, value: '123'}, {value: 4}]}", x="123"
    ).values == {"x": "123"}


def test_custom_values_may_be_allowed():
    assert resolved(
        "- {id: x, type: MULTISELECT, values: [a], allowCustomValue: true}", x='["a","zz"]'
    ).values == {"x": ["a", "zz"]}


def test_items_of_an_array_are_typed():
    assert resolved("- {id: x, type: ARRAY, itemType: DATETIME}", x='["2024-01-31T00:00:00Z"]').values == {
        "x": ["2024-01-31T00:00:00.000Z"]
    }


def test_children_of_a_form_stand_under_its_id():
    inputs = """
    - id: db
      type: FORM
      inputs:
        - {id: host, type: STRING, defaults: localhost}
        - {id: port, type: INT}
    """

    assert resolved(inputs, db__port="5").values == {"db": {"host": "localhost", "port": 5}}
    assert errors(resolved(inputs)) == ["Missing required input:db.port"]


def test_a_secret_is_sealed_and_never_told_back():
    sealed = resolved("- {id: s, type: SECRET}", encrypt=lambda text: {"value": text[::-1]}, s="abc")

    assert sealed.values == {"s": {"value": "cba"}}
    assert sealed.inputs[0].value == {"value": "cba"}


def test_a_secret_without_a_key_is_refused():
    resolution = resolved("- {id: s, type: SECRET}", s="abc")

    assert errors(resolution) == [
        "Invalid value for input `s`. "
        "Cause: Unable to use a `SECRET` input/output as encryption is not configured"
    ]
    assert resolution.inputs[0].value == "******"


def test_an_outside_value_is_asked_for():
    inputs = "- {id: x, type: STRING, defaults: \"{{ secret('KEY') }}\"}"

    with pytest.raises(expr.MissingFact) as missing:
        resolved(inputs)

    assert resolved(inputs, facts=expr.Facts({missing.value.fact: "hidden"})).values == {"x": "hidden"}


def test_durations_are_shown_as_text():
    assert resolved("- {id: d, type: DURATION, defaults: PT5M}").inputs[0].value == "PT5M"


@drawn(
    st.sampled_from(
        [
            "INT",
            "FLOAT",
            "BOOL",
            "DATETIME",
            "DATE",
            "TIME",
            "DURATION",
            "FILE",
            "JSON",
            "YAML",
            "URI",
            "EMAIL",
        ]
    ),
    st.text(),
)
def test_any_text_is_typed_or_refused(kind, text):
    resolution = resolve(declared(f"- {{id: x, type: {kind}, required: false}}"), {"x": text}, NAMES)

    assert len(resolution.violations) <= 1


def refused_default(input: str) -> list[tuple[str, int, str, str | None]]:
    reading = read(
        "id: f\nnamespace: n\ntasks: [{id: t, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}]\n"
        f"inputs:\n  - {{id: x, {input}}}\n"
    )
    return [(each.path, each.line, each.message, each.hint) for each in reading.violations]


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ("type: INT, defaults: three", "must be a value of type INT: `three` is not a whole number"),
        ("type: FLOAT, defaults: x", "must be a value of type FLOAT: `x` is not a number"),
        ("type: DATE, defaults: x", "must be a value of type DATE: `x` is not a date such as 2026-02-28"),
        ("type: TIME, defaults: noon", "must be a value of type TIME: `noon` is not a time such as 09:30:00"),
        (
            "type: DATETIME, defaults: x",
            "must be a value of type DATETIME: `x` is not an instant such as 2026-02-28T09:30:00Z",
        ),
        (
            "type: DURATION, defaults: 3 h",
            "must be a value of type DURATION: `3 h` is not a duration such as PT15M or P1D",
        ),
        ("type: URI, defaults: x", "must be a value of type URI: Invalid URI format."),
        ("type: EMAIL, defaults: x", "must be a value of type EMAIL: The input must be a valid email"),
        (
            "type: ARRAY, itemType: INT, defaults: [1, b]",
            "must be a value of type ARRAY: Unable to parse array element as `INT` on `b`",
        ),
        ("type: MULTISELECT, values: [a], defaults: [b]", "does not fit: it must match the values `[a]`"),
        ("type: SELECT, values: [a], defaults: b", "does not fit: it must match the values `[a]`"),
        ("type: ENUM, values: [a], defaults: b", "does not fit: it must match the values `[a]`"),
        ("type: INT, min: 3, defaults: 2", "does not fit: it must be more than `3` (3 itself is allowed)"),
        ("type: STRING, validator: 'A+', defaults: b", "does not fit: it must match the pattern `A+`"),
        (
            "type: OBJECT, properties: [{id: p, type: INT}], defaults: {p: q}",
            "must be a value of type OBJECT: `p`: `q` is not a whole number",
        ),
    ],
)  # fmt: skip
def test_a_literal_default_that_its_own_input_refuses_is_told_when_the_flow_is_read(input, message):
    ((path, line, said, _),) = refused_default(input)

    assert (path, line, said.removeprefix("`defaults` ")) == ("inputs[x].defaults", 5, message)


def test_a_default_of_json_is_read_too():
    ((_, _, said, _),) = refused_default("type: JSON, defaults: '{'")

    assert said.startswith("`defaults` must be a value of type JSON: invalid JSON: ")


def test_a_default_that_is_not_among_the_values_gets_help():
    assert refused_default("type: SELECT, values: [stage, prod], defaults: stag")[0][3] == (
        "did you mean `stage`?"
    )
    assert refused_default("type: SELECT, values: [stage, prod], defaults: dev")[0][3] == (
        "add `dev` to `values`, or set `allowCustomValue: true`"
    )


@pytest.mark.parametrize(
    "input",
    [
        'type: INT, defaults: "{{ vars.n }}"',
        "type: INT, defaults: '3'",
        "type: DATE, defaults: 2026-02-28",
        "type: TIME, defaults: 09:30",
        "type: DURATION, defaults: PT5M",
        'type: ARRAY, itemType: INT, defaults: ["{{ vars.n }}"]',
        "type: SELECT, values: [a], allowCustomValue: true, defaults: b",
        "type: SELECT, expression: \"{{ kv('names') }}\", defaults: b",
        "type: SELECT, values: [1, 2], defaults: 1",
        "type: BOOL, defaults: maybe",
        "type: FILE, defaults: nsfile:///a.csv",
        "type: JSON, defaults: {a: 1}",
        "type: STRING, defaults: 12",
    ],
)
def test_a_default_that_may_fit_is_accepted(input):
    assert refused_default(input) == []
