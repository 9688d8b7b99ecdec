"""What a trigger waits for, as `batuta trigger explain` says it."""

from __future__ import annotations

from typing import Any

from batuta.cli.trigger_causes import TriggerCause, causes_of


def state(**changes: Any) -> dict[str, Any]:
    plain = {"namespace": "team.a", "flowId": "f", "triggerId": "t", "kind": "POLLING"}
    return {**plain, "disabled": False, "locked": False, **changes}


def test_a_source_that_is_down_is_named_with_the_time_since_when():
    trouble = {
        "since": "2026-01-01T00:00:00Z",
        "failures": 3,
        "reason": "the broker is down\n  fix: wait",
    }

    found = list(causes_of(state(trouble=trouble, nextEvaluationDate="2026-01-01T00:10:00Z")))

    assert found == [
        TriggerCause(
            "what it looks at cannot be reached since 2026-01-01T00:00:00Z (3 times): the broker is down; "
            "it is tried again by itself"
        ),
        TriggerCause("its next date is 2026-01-01T00:10:00Z"),
    ]


def test_what_people_can_move_comes_with_the_command():
    paused = {"paused": True, "start": "2026-01-01T00:00:00Z"}

    found = list(causes_of(state(disabled=True, backfill=paused, locked=True, executionId="e1")))

    assert [cause.command for cause in found] == [
        "batuta trigger enable team.a f t",
        "batuta backfill resume team.a f t",
        "batuta explain e1",
    ]


def test_a_listener_that_is_well_listens():
    assert [cause.text for cause in causes_of(state(kind="REALTIME"))] == [
        "it listens, and starts an execution for each message"
    ]
