"""The reference page of what every task and every trigger may have."""

from __future__ import annotations

from batuta.flows import schema
from batuta.plugin import pages
from batuta.plugin.schema import Json

_COMMON = """\
# Common properties

## Of every task

These may be set for a task of any type; `id` and `type` must be.

{tasks}

### RetryPolicy

{retry}

## Of every trigger

{triggers}
"""
_ABOUT_RETRY = {
    "type": "How the waiting times follow each other.",
    "interval": "Duration between attempts (`constant`), or before the second one (`exponential`).",
    "maxInterval": "The longest wait, of `exponential` and `random`.",
    "minInterval": "The shortest wait, of `random`.",
    "delayFactor": "What each wait is multiplied with, of `exponential`.",
    "maxAttempts": "Most attempts, the first one included.",
    "maxDuration": "Duration after which nothing is tried again, counted from the first attempt.",
    "warningOnRetry": "A task that succeeded in a later attempt ends as a warning.",
    "behavior": "Whether the task is tried again, or its execution as a whole.",
}


def common_page() -> str:
    """The page of the properties that types do not repeat."""
    definitions: Json = {}
    tasks = schema.common_properties(definitions)
    retry = next(found for name, found in definitions.items() if name.endswith(".RetryPolicy"))
    for name, words in _ABOUT_RETRY.items():
        retry["properties"][name]["description"] = words
    return _COMMON.format(
        tasks=_table(tasks), retry=pages.properties_table(retry), triggers=_table(schema.common_of_triggers())
    )


def _table(properties: Json) -> str:
    described = {name: found for name, found in properties.items() if found.get("description")}
    return pages.properties_table({"properties": described, "required": ["id", "type"]})
