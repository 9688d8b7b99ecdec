"""YAML to data with places, and what a text may not do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.flows.document import Document, Mark, Unreadable
from batuta.flows.reader import ReadLimits, load

LIMITS = ReadLimits()


def document(text: str, limits: ReadLimits = LIMITS) -> Document:
    return load(text, limits)


def refused(text: str, limits: ReadLimits = LIMITS) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        load(text, limits)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("n", "n"),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("1_000", 1000),
        ("017", 15),
        ("019", "019"),
        ("0x1F", 31),
        ("0b101", 5),
        ("0o17", "0o17"),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("12:30:00", "12:30:00"),
        ("2026-02-28", "2026-02-28"),
        ("2026-02-28T10:00:00Z", "2026-02-28T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!null x", None),
        ("!!timestamp 2026-02-28", "2026-02-28"),
        ("!!python/object:os.system ls", "ls"),
        ("!mine 5", 5),
        ("'~'", "~"),
    ],
)
def test_scalars_are_read_as_flows_expect(text, value):
    assert document(f"a: {text}").data == {"a": value}


def test_a_number_of_enormous_length_stays_text():
    digits = "9" * 5000

    assert document(f"a: {digits}").data == {"a": digits}


def test_keys_are_text_as_written():
    assert document("{1: a, true: b, ~: c, 1.0: d}").data == {"1": "a", "true": "b", "~": "c", "1.0": "d"}


def test_every_key_and_value_has_a_place():
    found = document("id: x\ntasks:\n  - id: a\n    message: |\n      hello\n")

    assert found.keys["tasks", 0, "message"] == Mark(4, 5, 7)
    assert found.values["tasks", 0, "message"][:2] == (4, 14)
    assert found.values["tasks", 0, "message"].style == "|"
    assert found.values["tasks", 0][:2] == (3, 5)


def test_a_missing_value_stands_where_the_thing_around_it_stands():
    found = document("id: x\ntasks:\n  - id: a\n")

    assert found.value_at(("tasks", 0, "message"))[:2] == (3, 5)
    assert found.value_at(("nothing",))[:2] == (1, 1)


def test_repeated_keys_are_found_at_any_depth_and_the_first_one_counts():
    found = document("a: 1\nb:\n  - c: 1\n    c: 2\na: 3\n")

    assert [each.path for each in found.repeated] == [("b", 0, "c"), ("a",)]
    assert [(each.mark.line, each.first.line) for each in found.repeated] == [(4, 3), (5, 1)]
    assert found.data == {"a": 1, "b": [{"c": 1}]}


def test_an_alias_is_a_copy_of_what_its_anchor_stands_for():
    found = document("a: &it {x: [1, 2]}\nb: *it\n")

    found.data["b"]["x"].append(3)

    assert found.data["a"] == {"x": [1, 2]}


def test_merge_keys_give_way_to_keys_that_are_written():
    found = document("base: &base {x: 1, y: 2}\nb:\n  <<: *base\n  y: 3\nc:\n  <<: [*base, {z: 4}]\n")

    assert found.data["b"] == {"y": 3, "x": 1}
    assert found.data["c"] == {"x": 1, "y": 2, "z": 4}


def test_aliases_that_double_themselves_are_refused_quickly():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    started = time.perf_counter()

    error = refused("\n".join(lines))

    assert "too large once its aliases are replaced" in error.message
    assert time.perf_counter() - started < 5


def test_a_long_text_that_is_repeated_by_aliases_is_refused():
    error = refused(f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 20)}]\n")

    assert "too large" in error.message


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: *nobody", "`*nobody` refers to no anchor", (1, 4)),
        ("a: &a [*a]", "`*a` contains itself", (1, 8)),
        ("a: &a\n  b: *a", "`*a` contains itself", (2, 6)),
        ("? [1, 2]\n: x", "a key must be text", (1, 3)),
        ("{{ inputs.x }}: y", "a key must be text", (1, 1)),
        ("a: b: c", "mapping values are not allowed in this context", (1, 5)),
        (
            "a: [1, 2",
            "while parsing a flow sequence begun on line 1, column 4: did not find expected ',' or ']'",
            (2, 1),
        ),
        (
            "a:\n\t- b",
            "while scanning for the next token begun on line 2, column 1: "
            "found character that cannot start any token",
            (2, 1),
        ),
        (
            "a: 'b",
            "while scanning a quoted scalar begun on line 1, column 4: found unexpected end of stream",
            (1, 6),
        ),
        ("a: b\n\x00", "the text holds a character that YAML does not allow", (2, 1)),
        ("a: \ud800", "the text holds half of a surrogate pair", (1, 4)),
        ("<<: 5\na: 1", None, None),
    ],
)
def test_what_cannot_be_read_says_where(text, message, place):
    if message is None:
        assert document(text).data == {"<<": 5, "a": 1}
        return

    error = refused(text)

    assert error.message == message
    assert error.mark[:2] == place


def test_size_depth_and_number_of_parts_are_limited():
    assert "more than 10" in refused("a: 12345678901", ReadLimits(most_bytes=10)).message
    assert "nested deeper than 5 levels" in refused("[" * 6 + "]" * 6, ReadLimits(most_depth=5)).message
    assert "more than 3 parts" in refused("[1, 2, 3]", ReadLimits(most_nodes=3)).message
    assert "nested deeper" in refused("a: " + "[" * 500 + "]" * 500).message


def test_depth_counts_after_aliases_are_replaced():
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 150)]

    assert "nested deeper than 100 levels" in refused("\n".join(lines)).message


def test_a_second_document_is_noticed_and_not_read():
    found = document("a: 1\n---\nb: 2\n")

    assert found.data == {"a": 1}
    assert found.more is not None
    assert found.more.line == 2


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_is_read_or_refused(text):
    places = []
    try:
        places += load(text, LIMITS).values.values()
    except Unreadable as error:
        places.append(error.mark)
    assert all(place.line >= 1 and place.column >= 1 for place in places)


_SNIPPETS = st.one_of(
    st.sampled_from(list("[]{}'\"#\n\té🎵")),
    st.sampled_from(["a: ", "- ", "  ", "&x ", "*x", "|\n", ">-\n", "? ", ": ", "---\n", "...\n"]),
    st.sampled_from(["!!str ", "!<x> ", "<<: ", "%YAML 1.1\n", "12", "{{ x }}"]),
)


@given(st.lists(_SNIPPETS, max_size=25).map("".join))
def test_any_text_that_looks_like_yaml_is_read_or_refused(text):
    places = []
    try:
        places += load(text, LIMITS).values.values()
    except Unreadable as error:
        places.append(error.mark)
    assert all(place.line <= text.count("\n") + 2 for place in places)


_NAMES = st.text(alphabet="abcdefgh", min_size=1, max_size=5)


@given(
    st.lists(_NAMES, min_size=1, max_size=8, unique=True), st.integers(0, 5), st.sampled_from(["\n", "\r\n"])
)
def test_places_point_at_the_line_of_the_key(names, blank_lines, newline):
    lines = [*[""] * blank_lines, *(f"{name}: 1" for name in names)]

    found = document(newline.join(lines))

    for number, name in enumerate(names, blank_lines + 1):
        assert found.keys[name,][:2] == (number, 1)
        assert found.values[name,][:2] == (number, len(name) + 3)
