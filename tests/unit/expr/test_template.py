"""The doors of the package: text, typed values, documents, facts, errors and uses of names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from batuta import expr
from batuta.expr import Fact, Facts, Limits, MissingFact, Options


class Lazy(dict[str, object]):
    """Names that refuse to be listed."""

    def __iter__(self):
        raise AssertionError("the names of a context are not listed")


def failure(template: str, names: dict[str, object] | None = None, **options: object) -> expr.ExpressionError:
    with pytest.raises(expr.ExpressionError) as caught:
        expr.render(template, names or {}, options=Options(**options))  # type: ignore[arg-type]
    return caught.value


def test_text_without_syntax_comes_back_as_it_is():
    text = "a { b"

    assert expr.render(text, {}) is text
    assert expr.render(None, {}) is None
    assert not expr.is_template(text)


def test_one_expression_keeps_its_type():
    rows = [1, {"a": None}]

    assert expr.evaluate("{{ rows }}", {"rows": rows}) is rows
    assert expr.evaluate("{{ 1 + 1 }}", {}) == 2
    assert type(expr.evaluate("{{ 'x' | first }}", {})) is str
    assert expr.evaluate("{{ '12.3' | number }}", {}) == 12.3
    assert expr.evaluate("{{ null }}", {}) is None
    assert expr.evaluate("{{ '[1]' }}", {}) == "[1]"


def test_several_parts_are_joined():
    assert expr.evaluate("{{ 1 }}{{ 2 }}", {}) == "12"
    assert expr.evaluate("x {{ 1 }}", {}) == "x 1"
    assert expr.evaluate("a{{ [1] }}", {}) == "a[1]"
    assert expr.evaluate("{{ [1] }} ", {}) == [1]
    assert expr.evaluate("{% if true %}{{ [1, 2] }}{% endif %}", {}) == [1, 2]


def test_documents_are_rendered_at_every_depth():
    document = {"{{ k }}": ["{{ v }}", 1, {"x": "plain"}], "k": "first wins"}

    assert expr.render_deep(document, {"k": "k", "v": "w"}) == {"k": ["w", 1, {"x": "plain"}]}


def test_a_document_without_templates_is_the_same_object():
    document = {"a": ["b", {"c": 1}]}

    assert expr.render_deep(document, {}) is document


@pytest.mark.parametrize(
    ("text", "holds"), [("false", False), ("0", False), ("-0", False), ("", False), ("no", True)]
)
def test_conditions(text: str, holds: bool):
    assert expr.is_truthy_text(text) is holds
    assert not expr.is_truthy_text(None)


def test_the_host_is_asked_for_outside_values():
    with pytest.raises(MissingFact) as caught:
        expr.render("{{ secret('KEY') }}", {})

    fact = caught.value.fact
    assert fact == Fact("secret", ("KEY", None, None))
    assert expr.render("{{ secret('KEY') }}", {}, Facts().with_(fact, "s3cret")) == "s3cret"


def test_a_fact_that_cannot_be_had_fails_the_rendering():
    facts = Facts()
    facts.put_error(Fact("kv", ("k", None, True)), "no such key")

    with pytest.raises(expr.EvaluationError, match="no such key"):
        expr.render("{{ kv('k') ?? 'x' }}", {}, facts)


def test_no_error_repeats_a_secret():
    facts = Facts().with_(Fact("secret", ("K", None, None)), "hunter2")

    with pytest.raises(expr.ExpressionError) as caught:
        expr.render("{{ secret('K') | number }}", {}, facts)

    assert "hunter2" not in str(caught.value)


def test_values_are_not_rendered_twice():
    assert expr.render("{{ body }}", {"body": "{{ secret('K') }}"}) == "{{ secret('K') }}"


def test_a_filter_in_place_leaves_the_callers_list_alone():
    rows = [3, 1, 2]

    assert expr.render("{{ rows | sort }}{{ rows }}", {"rows": rows}) == "[1,2,3][1,2,3]"
    assert rows == [3, 1, 2]


def test_names_are_never_listed():
    assert expr.render("{% set y = 1 %}{{ x }}{{ y }}{{ z ?? 'd' }}", Lazy(x=1)) == "11d"


def test_time_and_chance_are_options():
    options = Options(now=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), zone="Europe/Paris", seed=1)

    assert expr.render("{{ now('iso_sec') }}", {}, options=options) == "2024-05-06T09:08:09+02:00"
    assert expr.render("{{ uuid() }}", {}, options=options) == expr.render(
        "{{ uuid() }}", {}, options=options
    )


def test_every_limit_is_an_option():
    assert (
        failure("{% for i in 1..50 %}{{ i }}{% endfor %}", limits=Limits(output_characters=10)).kind
        == "limit"
    )
    assert failure("{{ 1..50 }}", limits=Limits(range_elements=10)).kind == "limit"
    assert failure("{% for i in 1..200 %}{% endfor %}", limits=Limits(steps=50)).kind == "limit"


def test_an_error_shows_the_line_the_caret_and_the_name_that_was_meant():
    error = failure("first\n{{ outputs.extract.url }}", {"outputs": {"extract": {"uri": "x"}}})

    assert str(error.with_path("tasks[0].message")) == (
        "Unable to find `url` used in the expression `first\n{{ outputs.extract.url }}` at line 2\n"
        "  at tasks[0].message, line 2, column 20\n"
        "  2 | {{ outputs.extract.url }}\n"
        "    |                    ^\n"
        "  fix: did you mean `outputs.extract.uri`?"
    )


def test_an_error_shows_what_was_seen():
    error = failure("{{ 1 + null }}")

    assert error.kind == "runtime"
    assert "  seen: Long 1, null" in str(error)


@pytest.mark.parametrize(
    ("template", "kind", "mend"),
    [
        ("{{ 'a' | uper }}", "unknown", "`upper`"),
        ("{{ fromJsn('1') }}", "unknown", "`fromJson`"),
        ("{{ 1 is evn }}", "unknown", "`even`"),
        ("{% fro x in y %}", "syntax", "`for`"),
        ("{{ '2024-05-06' | date(timezone='UTC') }}", "argument", "`timeZone`"),
    ],
)
def test_a_name_that_was_meant_is_suggested(template: str, kind: str, mend: str):
    error = failure(template)

    assert error.kind == kind
    assert error.mend is not None
    assert mend in error.mend


def test_uses_of_names_have_kinds_and_places():
    text = (
        "{% set a = inputs.day %}{{ a }}{{ outputs['my-task'].rows[0] }}\n"
        "{{ secret('KEY') }}{{ vars.x ?? kv(key='k') }}"
    )

    found = [(use.kind, use.name, use.path, use.line, use.column, use.guarded) for use in expr.analyse(text)]

    assert found == [
        ("input", "day", (), 1, 19, False),
        ("output", "my-task", ("rows", "0"), 1, 44, False),
        ("secret", "KEY", (), 2, 12, False),
        ("variable", "x", (), 2, 28, True),
        ("kv", "k", (), 2, 41, False),
    ]


def test_an_error_about_an_entry_of_a_map_shows_the_entry():
    with pytest.raises(expr.ExpressionError) as raised:
        expr.render("{% for e in m %}{{ e + e }}{% endfor %}", {"m": {"k": 1}})

    assert "k=1" in str(raised.value)
    assert "object at" not in str(raised.value)
