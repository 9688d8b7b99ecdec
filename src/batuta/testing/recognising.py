"""Tells test suites from flows by a glance at the text."""

from __future__ import annotations

import re

_TEST_CASES = re.compile(r"^[\"']?testCases[\"']?[ \t]*:", re.MULTILINE)


def looks_like_suite(source: str) -> bool:
    """The text is that of a test suite rather than of a flow."""
    return _TEST_CASES.search(source) is not None
