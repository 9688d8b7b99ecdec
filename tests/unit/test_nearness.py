"""Suggestions for names that are not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.nearness import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("mesage", ["message", "level"], "message"),
        ("LIMIT", ["limit", "limits"], "limit"),
        ("max_attempts", ["maxAttempt", "maxAttempts"], "maxAttempts"),
        ("dry-run", ["dryRun", "run"], "dryRun"),
        ("zzz", ["message", "level"], None),
        ("message", [], None),
    ],
)
def test_the_nearest_name_is_suggested(name, known, meant):
    assert nearest(name, known) == meant


def test_the_suggestion_is_a_question():
    assert did_you_mean("mesage", ["message"]) == "did you mean `message`?"
    assert did_you_mean("zzz", ["message"]) is None


@given(st.lists(st.text(min_size=1, max_size=20), max_size=20), st.text(max_size=20))
def test_only_known_names_are_suggested(known, name):
    assert nearest(name, known) in {None, *known}
