"""Tells dashboards from flows by a glance at the text."""

from __future__ import annotations

import re

_CHARTS = re.compile(r"^[\"']?charts[\"']?[ \t]*:", re.MULTILINE)
_TASKS = re.compile(r"^[\"']?tasks[\"']?[ \t]*:", re.MULTILINE)


def looks_like_dashboard(source: str) -> bool:
    """The text is that of a dashboard rather than of a flow."""
    return _CHARTS.search(source) is not None and _TASKS.search(source) is None
