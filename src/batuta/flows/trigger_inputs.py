"""What triggers give to the inputs of their own flow: nothing it does not have, and all that it needs.

Only warnings: such flows are kept, but what their triggers start fails or ignores what was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from batuta.flows.document import Path
from batuta.flows.findings import Findings
from batuta.flows.inputs import flattened, unknown
from batuta.model.flow import Flow, TriggerDefinition
from batuta.model.inputs import Input

SCHEDULES = ("io.kestra.plugin.core.trigger.Schedule", "io.kestra.plugin.core.trigger.ScheduleOnDates")
"""Triggers whose executions fail when a required input is missing (triggers spec A3.5)."""


def collect(found: Findings, flow: Flow, places: Callable[[str], list[Path]]) -> None:
    """Note what the triggers of a flow give in vain, or leave out; `places` is where those of an id stand."""
    inputs = flattened(flow.inputs)
    for trigger in flow.triggers:
        path = places(trigger.id)[0]
        given = trigger.properties.get("inputs")
        given = given if isinstance(given, dict) else {}
        for name, hint in unknown(flow.inputs, given).items():
            found.warn(
                (*path, "inputs", name),
                f"The flow has no input `{name}`, so the value is ignored.",
                hint=hint,
                code="flow.unknown-input",
            )
        missing = list(_missing(inputs, trigger, given))
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing)
            found.warn(
                path,
                f"The trigger `{trigger.id}` gives no value for {listed}, so whatever it starts fails.",
                hint="required inputs need a value under `inputs` of the trigger, or `defaults` of their own",
                code="flow.missing-input",
            )


def _missing(inputs: list[Input], trigger: TriggerDefinition, given: dict[str, object]) -> Iterator[str]:
    if trigger.type not in SCHEDULES:
        return
    for each in inputs:
        has_value = each.defaults is not None or (each.auto_select_first and (each.values or each.expression))
        # Whether an input that depends on others is asked for, is known only at run time.
        if each.required and not has_value and each.depends_on is None:
            root = each.id.partition(".")[0]
            if each.id not in given and root not in given:
                yield each.id
