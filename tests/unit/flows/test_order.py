"""References to tasks that have not run yet."""

from __future__ import annotations

import pytest

from batuta.flows import check_templates
from tests.support.shorthand import flow

SEEN = "{{ outputs.later.value }}"


def complaints(text: str) -> list[str]:
    return [warning.message for warning in check_templates(flow(text)).warnings]


@pytest.mark.parametrize(
    "text",
    [
        f"tasks: [{{Return: a, format: '{SEEN}'}}, later]",
        f"tasks: [{{Sequential: s, tasks: [{{Return: a, format: '{SEEN}'}}]}}, later]",
        f"tasks: [{{Return: a, format: '{SEEN}'}}, {{Parallel: p, tasks: [later]}}]",
        f"{{tasks: [{{Return: a, format: '{SEEN}'}}], finally: [later]}}",
        f"tasks: [{{run: a, when: '{SEEN}'}}, later]",
    ],
)
def test_a_task_that_comes_later_is_reported(text):
    assert complaints(text) == ["the task `later` has not run yet when this is rendered"]


@pytest.mark.parametrize(
    "text",
    [
        f"tasks: [later, {{Return: a, format: '{SEEN}'}}]",
        f"tasks: [{{Parallel: p, tasks: [{{Return: a, format: '{SEEN}'}}, later]}}]",
        f"tasks: [{{ForEach: e, values: [1], tasks: [{{Return: a, format: '{SEEN}'}}, later]}}]",
        f"{{tasks: [later], errors: [{{Return: a, format: '{SEEN}'}}]}}",
        "tasks: [{Return: a, format: \"{{ outputs.later.value ?? 'none' }}\"}, later]",
        f"{{tasks: [later], outputs: [{{id: o, type: STRING, value: '{SEEN}'}}]}}",
    ],
)
def test_a_task_that_may_have_run_is_not(text):
    assert complaints(text) == []
