"""The examples of all types, each as a flow that could run: with the inputs and tasks that it speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from batuta.plugin import families, registry, schema
from batuta.plugin.families import Entry

NAMESPACE = "docs"
NOTHING = {"id": "nothing", "type": "io.kestra.plugin.core.debug.Return"}
PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}
_FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"
_INPUT = re.compile(r"\binputs\.(\w+)")
_OUTPUT = re.compile(r"(?<!trigger\.)\boutputs\.(\w+)\.(\w+)")


class Example(NamedTuple):
    """One fenced block of a type's docstring."""

    entry: Entry
    text: str
    number: int

    @property
    def name(self) -> str:
        """For the names of tests."""
        return f"{self.entry.type}-{self.number}"

    @property
    def written(self) -> Any:
        """The block as data."""
        return yaml.safe_load(self.text)

    @property
    def inputs(self) -> list[str]:
        """Inputs of the flow that it mentions, each once."""
        return list(dict.fromkeys(_INPUT.findall(self.text)))

    @property
    def outputs(self) -> dict[str, str]:
        """Tasks before it whose outputs it mentions, and which one of them."""
        own = set(_ids(self.written))
        return {task: name for task, name in _OUTPUT.findall(self.text) if task not in own}

    def flow(
        self, inputs: Mapping[str, Mapping[str, Any]] = {}, tasks: Mapping[str, Mapping[str, Any]] = {}
    ) -> dict[str, Any]:
        """A flow around it. `inputs` are declarations by name, `tasks` those before it by id."""
        declared = [{"id": name, "type": "STRING", **inputs.get(name, {})} for name in self.inputs]
        before = [
            {"id": task, **tasks.get(task, {"type": NOTHING["type"], "format": name})}
            for task, name in self.outputs.items()
        ]
        document: dict[str, Any] = {"id": flow_id(self.entry.type), "namespace": NAMESPACE}
        if declared:
            document["inputs"] = declared
        document["tasks"] = before
        written = self.written
        match self.entry.kind:
            case "task":
                document["tasks"] += written if isinstance(written, list) else [written]
            case "trigger":
                document |= {"tasks": [NOTHING], "triggers": [written]}
            case "condition":
                trigger = {"id": "other", "type": _FLOW_TRIGGER, "conditions": [written]}
                document |= {"tasks": [NOTHING], "triggers": [trigger]}
            case _:
                script = {"id": "list", "type": "io.kestra.plugin.scripts.shell.Commands", "commands": ["ls"]}
                document["tasks"].append({**script, "taskRunner": written})
        return document


def every() -> list[Example]:
    """All examples of our own types, by family and type."""
    return [
        Example(entry, text, number)
        for entry in families.entries()
        for number, text in enumerate(schema.page_of(registry.load(entry.type)).examples)
    ]


def source(document: Mapping[str, Any]) -> str:
    """A flow as YAML."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def flow_id(type_: str) -> str:
    """An id that says which type is tried."""
    return re.sub(r"[^A-Za-z0-9]+", "_", type_)


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for each in value.values():
            yield from _ids(each)
    elif isinstance(value, list):
        for each in value:
            yield from _ids(each)
