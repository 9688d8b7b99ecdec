"""Warnings about what triggers give to the inputs of their flow."""

from __future__ import annotations

import pytest

from batuta.flows import read

FLOW = """\
id: nightly
namespace: company.team
inputs:
  - {id: limit, type: INT}
  - {id: region, type: STRING, defaults: north}
  - {id: note, type: STRING, required: false}
tasks:
  - {id: t, type: io.kestra.plugin.core.debug.Return}
triggers:
  - {id: tick, type: io.kestra.plugin.core.trigger.%s}
"""
MISSING = "The trigger `tick` gives no value for `limit`, so whatever it starts fails."


def warnings(trigger: str) -> list[tuple[str, str | None]]:
    reading = read(FLOW % trigger)
    assert reading.violations == ()
    return [(each.message, each.hint) for each in reading.warnings]


def test_a_schedule_without_a_required_input_is_told():
    [(message, hint)] = warnings('Schedule, cron: "@daily"')
    assert message == MISSING
    assert hint == "required inputs need a value under `inputs` of the trigger, or `defaults` of their own"


@pytest.mark.parametrize(
    "trigger",
    [
        'Schedule, cron: "@daily", inputs: {limit: 3}',
        'Schedule, cron: "@daily", inputs: {limit: "{{ 1 + 2 }}", region: south, note: x}',
        "Webhook, key: abc",
    ],
)
def test_a_trigger_that_gives_what_is_needed_is_well(trigger):
    assert warnings(trigger) == []


def test_an_input_that_the_flow_does_not_have_is_told():
    [_, (message, hint)] = warnings('Schedule, cron: "@daily", inputs: {limits: 3}')
    assert message == "The flow has no input `limits`, so the value is ignored."
    assert hint == "did you mean `limit`?"
