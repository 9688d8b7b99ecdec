"""Changes to the text of a flow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.flows import parts, read, set_disabled, split_documents, strip_revision


def test_one_document_is_itself_word_for_word():
    text = "id: a\n# a comment\n\n"

    assert split_documents(text) == [text]


def test_documents_are_split_at_lines_of_three_dashes():
    text = "---\nid: a\n--- # next\nid: b\n\n---\n\n---\n# nothing here\n---\nid: c\n"

    assert split_documents(text) == ["id: a", "id: b", "id: c"]
    assert [part.first_line for part in parts(text)] == [2, 4, 11]


def test_dashes_inside_a_text_do_not_split():
    text = "id: a\ndescription: |\n  ---\n  x --- y\n---x: 1\n"

    assert split_documents(text) == [text]


def test_windows_line_ends_split_too():
    assert split_documents("id: a\r\n---\r\nid: b\r\n") == ["id: a", "id: b"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id: a\nrevision: 3\ntasks: []\n", "id: a\ntasks: []\n"),
        ("revision: 3 # mine\nid: a\n", "id: a\n"),
        ('id: a\n"revision": 3\n', "id: a\n"),
        ("id: a\nvariables:\n  revision: 3\n", "id: a\nvariables:\n  revision: 3\n"),
        ("id: a\ndescription: |\n  x\n  revision: 3\n", "id: a\ndescription: |\n  x\n  revision: 3\n"),
        ("{id: a, revision: 3}", "{id: a, revision: 3}"),
        ("id: [broken\nrevision: 3\n", "id: [broken\n"),
        ("id: a", "id: a"),
    ],
)
def test_a_top_level_revision_is_taken_out(before, after):
    assert strip_revision(before) == after


@pytest.mark.parametrize(
    ("before", "disabled", "after"),
    [
        ("id: a\n# keep\ntasks: []\n", True, "id: a\n# keep\ntasks: []\ndisabled: true\n"),
        ("id: a\ndisabled: false # why\nx: 1\n", True, "id: a\ndisabled: true # why\nx: 1\n"),
        ("id: a\ndisabled:   true\n", False, "id: a\ndisabled:   false\n"),
        (
            "id: a\ntasks:\n  - disabled: true\n",
            False,
            "id: a\ntasks:\n  - disabled: true\ndisabled: false\n",
        ),
        ("id: a", True, "id: a\ndisabled: true"),
        ("id: a\r\ndisabled: false\r\n", True, "id: a\r\ndisabled: true\r\n"),
        ('id: a\ndisabled: "false"\n', True, "id: a\ndisabled: true\n"),
        ("id: a\ndisabled:\nx: 1\n", True, "id: a\ndisabled: true\nx: 1\n"),
    ],
)
def test_disabled_is_changed_in_place_or_added_at_the_end(before, disabled, after):
    assert set_disabled(before, disabled) == after


@given(
    st.booleans(), st.sampled_from(["", "disabled: false\n", "disabled: true # x\n", "'disabled': true\n"])
)
def test_a_flow_reads_as_disabled_as_it_was_set(disabled, line):
    tasks = "tasks:\n  - id: t\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT1S\n"
    text = f"id: a\nnamespace: n\n{line}{tasks}"

    flow = read(set_disabled(text, disabled)).flow

    assert flow is not None
    assert flow.disabled is disabled
