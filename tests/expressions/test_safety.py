"""Only data comes out of a template, whatever goes in."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from batuta import expr

ESCAPES = (Path(__file__).parent / "escapes.txt").read_text(encoding="utf-8").splitlines()
CONTEXT: dict[str, Any] = {"x": {"list": ["a", 1], "map": {"k": "v"}}, "n": 3, "s": "text", "l": [1, 2]}
LEAK = re.compile(
    r"<class|<function|<built-in|<bound|<module|object at 0x|site-packages|/usr/|root:|Traceback|batuta\.expr"
)


def rendered(template: str, limits: expr.Limits | None = None) -> str:
    """The text of a template, or of the error that it ends with."""
    options = expr.Options(limits=limits or expr.Limits())
    try:
        return expr.render(template, CONTEXT, options=options) or ""
    except expr.ExpressionError as error:
        return str(error)
    except expr.MissingFact as missing:
        return str(missing)


def test_the_corpus_of_escapes_is_large():
    assert len(set(ESCAPES)) >= 300


@pytest.mark.parametrize("payload", ESCAPES)
def test_an_escape_gives_data_or_an_error(payload: str):
    result = rendered(payload)

    assert not LEAK.search(result.replace(payload, ""))


NAMES = st.sampled_from(
    ["x", "n", "s", "l", "missing", "loop", "x.list", "x.map.k", "x['__class__']", "__class__"]
)
LITERALS = st.sampled_from(
    ["1", "0", "1.5", "'a'", '"b#{n}c"', "true", "null", "[]", "[1, 'a']", "{'a': 1}", "12L"]
)
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "%", "~", "..", "==", "!=", "<", ">=", "??", "???", "isIn", "contains", "and", "or"]
)
FILTERS = st.sampled_from([name for name in sorted(expr.catalogue.FILTERS) if name != "isPublicHoliday"])
FUNCTIONS = st.sampled_from([name for name in sorted(expr.catalogue.FUNCTIONS) if name != "isPublicHoliday"])
TESTS = st.sampled_from(["defined", "null", "empty", "even", "odd", "iterable", "map", "json", "other"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("({} | {})".format, inner, FILTERS),
        st.builds("({} | {}({}))".format, inner, FILTERS, inner),
        st.builds("({} | {}({}, {}))".format, inner, FILTERS, inner, inner),
        st.builds("{}({})".format, FUNCTIONS, inner),
        st.builds("{}({}, {})".format, FUNCTIONS, inner, inner),
        st.builds("({} is {})".format, inner, TESTS),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).{}".format, inner, st.sampled_from(["a", "key", "__class__", "format"])),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("not {}".format, inner),
        st.builds("-{}".format, inner),
    )


EXPRESSIONS = st.recursive(st.one_of(NAMES, LITERALS), _grown, max_leaves=8)
PRINTS = st.builds("{{{{ {} }}}}".format, EXPRESSIONS)
TEMPLATES = st.recursive(
    PRINTS,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}b{{% endif %}}".format, EXPRESSIONS, inner),
        st.builds("{{% for x in {} %}}{}{{% endfor %}}".format, EXPRESSIONS, inner),
        st.builds("{{% set v = {} %}}{}{{{{ v }}}}".format, EXPRESSIONS, inner),
        st.builds("{{% filter {} %}}{}{{% endfilter %}}".format, FILTERS, inner),
        st.builds("{{% macro m(a) %}}{}{{% endmacro %}}{{{{ m({}) }}}}".format, inner, EXPRESSIONS),
    ),
    max_leaves=4,
)
QUICK = expr.Limits(steps=20_000, output_characters=200_000, range_elements=2000, total_elements=20_000)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEMPLATES)
@example("{% for x in x %}{{ ([x, x] | abs) }}{% endfor %}")
def test_a_template_of_the_grammar_gives_data_or_an_error(template: str):
    result = rendered(template, QUICK)

    assert not LEAK.search(result.replace(template, ""))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="{}%#|()[]'\"-+.~? abx19_\\\n", max_size=40))
def test_any_text_gives_data_or_an_error(text: str):
    rendered("{{" + text, QUICK)
    rendered(text, QUICK)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(EXPRESSIONS)
def test_a_typed_value_is_plain_data(expression: str):
    plain = (str, int, float, bool, type(None), list, dict, expr.template.Decimal)
    try:
        value = expr.evaluate("{{ " + expression + " }}", CONTEXT, options=expr.Options(limits=QUICK))
    except (expr.ExpressionError, expr.MissingFact):
        return

    assert type(value) in plain


ENDLESS = [
    "{% for i in 1..100000 %}{% for j in 1..100000 %}{% endfor %}{% endfor %}",
    "{% set s = 'x' %}{% for i in 1..100 %}{% set s = s ~ s %}{% endfor %}",
    "{% set s = [1] %}{% for i in 1..100 %}{% set s = s + s %}{% endfor %}",
    "{% set s = [1] %}{% for i in 1..100 %}{% set s = [s, s] %}{% endfor %}{{ s }}",
    "{% set s = [1] %}{% for i in 1..90 %}{% set s = [s, s] %}{% endfor %}{{ s | yaml }}",
    "{% set s = [1] %}{% for i in 1..90 %}{% set s = [s, s] %}{% endfor %}{{ s | toIon }}",
    "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "{% block a %}{{ block('a') }}{% endblock %}",
    "{{ [1] | jq('[range(1e12)]') }}",
    "{{ [1] | jq('def f: f; f') }}",
    "{{ [1] | jq('last(repeat(.))') }}",
    "{{ 'x' | indent(1000000000, 'y') }}{{ 'a' | nindent(1000000000) }}",
    "{{ '%999999999d' | format(1) }}",
    "{{ '1e999999999' | number }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ 1" + " + 1" * 5000 + " }}",
]


@pytest.mark.parametrize("template", ENDLESS)
def test_what_would_cost_too_much_is_refused_in_time(template: str):
    start = time.process_time()

    with pytest.raises(expr.ExpressionError) as caught:
        expr.render(template, {})

    assert caught.value.kind == "limit"
    assert time.process_time() - start < 4
